using DeepSeekEngine.Model;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Weights;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Model;

public sealed class PlacementTests
{
    [TestCase(new long[] { 1, 1, 1, 1, 1, 1 }, new long[] { 10 }, new[] { 0 })]
    [TestCase(new long[] { 1, 1, 1, 1, 1, 1 }, new long[] { 10, 10 }, new[] { 0, 3 })]
    [TestCase(new long[] { 1, 1, 1, 1, 1, 1 }, new long[] { 20, 10 }, new[] { 0, 4 })]
    [TestCase(new long[] { 1, 1, 1, 1, 1, 1 }, new long[] { 10, 10, 10 }, new[] { 0, 2, 4 })]
    [TestCase(new long[] { 3, 1, 1, 1 }, new long[] { 10, 10 }, new[] { 0, 1 })]
    [TestCase(new long[] { 1, 1, 1 }, new long[] { 1000, 1, 1 }, new[] { 0, 1, 2 })]
    [TestCase(new long[] { 1, 1, 1 }, new long[] { 1, 1, 1000 }, new[] { 0, 1, 2 })]
    [TestCase(new long[] { 5, 5, 5, 5 }, new long[] { long.MaxValue, long.MaxValue }, new[] { 0, 2 })]
    public void Layers_are_divided_in_proportion_to_memory(long[] layers, long[] memory, int[] first)
        => Assert.That(Placement.Divide(layers, memory, expertsOnHost: false).FirstLayers, Is.EqualTo(first));

    [Test]
    public void Fewer_layers_than_devices_are_refused()
        => Assert.That(() => Placement.Divide([1], [1, 1], expertsOnHost: false), Throws.ArgumentException);

    [Test]
    public void A_layer_is_on_the_last_device_that_begins_before_it()
    {
        var placement = new Placement([0, 2, 5], ExpertsOnHost: false);
        Assert.That(Enumerable.Range(0, 7).Select(placement.DeviceOf), Is.EqualTo((int[])[0, 0, 1, 1, 1, 2, 2]));
        Assert.That(Enumerable.Range(0, 3).Select(device => placement.LayersOf(device, 6)), Is.EqualTo((Range[])[0..2, 2..5, 5..6]));
    }

    [Test]
    public void Experts_go_to_the_host_where_only_the_rest_fits()
    {
        var all = Plan(new EngineOptions(), long.MaxValue);
        var rest = Plan(new EngineOptions { Experts = ExpertPlacement.Host }, long.MaxValue);
        Assert.That(all.Placement.ExpertsOnHost, Is.False);
        Assert.That(rest.Placement.ExpertsOnHost, Is.True);
        Assert.That(rest.Total.OnDevices, Is.LessThan(all.Total.OnDevices));
        Assert.That(all.Total.MappedWeights, Is.Zero);
        Assert.That(rest.Total.MappedWeights, Is.Positive);
        Assert.That(rest.Total.Weights, Is.EqualTo(all.Total.Weights));

        Assert.That(Plan(new EngineOptions(), all.Total.OnDevices).Placement.ExpertsOnHost, Is.False);
        Assert.That(Plan(new EngineOptions(), all.Total.OnDevices - 1).Placement.ExpertsOnHost, Is.True);
        Assert.That(Plan(new EngineOptions(), rest.Total.OnDevices).Placement.ExpertsOnHost, Is.True);
        Assert.That(() => Plan(new EngineOptions(), all.Total.OnDevices - 1).Check(["GPU"]), Throws.Nothing);
    }

    [Test]
    public void What_does_not_fit_is_refused_with_advice()
    {
        var all = Plan(new EngineOptions(), long.MaxValue).Total.OnDevices;
        var options = new EngineOptions { Experts = ExpertPlacement.Device };
        var refusal = Assert.Throws<NotEnoughMemoryException>(() => Plan(options, all - 1).Check(["GPU"]));
        Assert.That((refusal!.RequiredBytes, refusal.AvailableBytes), Is.EqualTo((all, all - 1)));
        Assert.That(refusal.Advice, Does.Contain("Experts = ExpertPlacement.Host"));
        refusal = Assert.Throws<NotEnoughMemoryException>(() => Plan(new EngineOptions(), 1000).Check(["GPU"]));
        Assert.That(refusal!.AvailableBytes, Is.EqualTo(1000));
        Assert.That(refusal.Advice, Does.Contain(nameof(EngineOptions.DeviceCount)).And.Contain("GPU"));
    }

    [Test]
    public void Several_devices_take_no_more_together_than_their_workspaces()
    {
        var one = Plan(new EngineOptions(), long.MaxValue).Total;
        var two = Plan(new EngineOptions(), long.MaxValue, long.MaxValue).Total;
        Assert.That(two.Weights, Is.EqualTo(one.Weights));
        Assert.That(two.Cache, Is.EqualTo(one.Cache));
        Assert.That(two.Workspaces, Is.EqualTo(2 * one.Workspaces));
    }

    [Test]
    public void More_devices_than_layers_are_refused()
        => Assert.That(() => Plan(new EngineOptions(), new long[99]), Throws.TypeOf<ArgumentOutOfRangeException>());

    private static PlacementPlan Plan(EngineOptions options, params long[] available)
    {
        var config = ModelConfigReader.Read(TestPaths.TinyR1);
        using var checkpoint = Checkpoint.Open(TestPaths.TinyR1, config.Fp8);
        return new PlacementPlan(checkpoint, config, StepLimits.For(options, config), options, available, onProcessor: false);
    }
}
