using DeepSeekEngine.Model;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Tests.Weights;
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

    [Test]
    public void The_widest_weights_are_chosen_that_fit_a_device()
    {
        var options = new EngineOptions { Experts = ExpertPlacement.Device };
        var needed = QuantizationPolicy.Formats.Select(format => Plan(options with { Weights = format }, long.MaxValue).Total.OnDevices).ToArray();
        Assert.That(needed, Is.Ordered.Descending.And.Unique);
        options = options with { Weights = WeightFormat.Auto };
        Assert.That(Plan(options, needed[0]).Weights, Is.EqualTo(WeightFormat.AsStored));
        Assert.That(Plan(options, needed[0] - 1).Weights, Is.EqualTo(WeightFormat.Int8));
        Assert.That(Plan(options, needed[1] - 1).Weights, Is.EqualTo(WeightFormat.Int4));
        Assert.That(() => Plan(options, needed[2]).Check(["GPU"]), Throws.Nothing);
        var refusal = Assert.Throws<NotEnoughMemoryException>(() => Plan(options, needed[2] - 1).Check(["GPU"]));
        Assert.That((refusal!.RequiredBytes, refusal.AvailableBytes), Is.EqualTo((needed[2], needed[2] - 1)));
    }

    [Test]
    public void Weights_stay_as_stored_where_the_host_has_room_for_the_experts()
    {
        var options = new EngineOptions { Weights = WeightFormat.Auto };
        var all = Plan(options, long.MaxValue).Total;
        var split = Plan(options, all.OnDevices - 1);
        Assert.That((split.Weights, split.Placement.ExpertsOnHost), Is.EqualTo((WeightFormat.AsStored, true)));

        // A tenth of what is free is left to others.
        var onHost = split.Total.Total - split.Total.OnDevices;
        var (little, enough) = ((long)(onHost / 0.91), (long)(onHost / 0.89));
        Assert.That(Plan(options, enough, false, TestPaths.TinyR1, all.OnDevices - 1).Weights, Is.EqualTo(WeightFormat.AsStored));
        var narrow = Plan(options, little, false, TestPaths.TinyR1, all.OnDevices - 1);
        Assert.That((narrow.Weights, narrow.Placement.ExpertsOnHost), Is.EqualTo((WeightFormat.Int8, false)));
    }

    [Test]
    public void The_widest_weights_are_chosen_that_fit_what_is_free_of_the_host()
    {
        var options = new EngineOptions { Weights = WeightFormat.Auto, Device = Device.Cpu };
        var needed = QuantizationPolicy.Formats.Select(format => Chosen(options with { Weights = format }, 0).Total.Total).ToArray();
        Assert.That(needed, Is.Ordered.Descending.And.Unique);
        for (var i = 0; i < needed.Length; i++)
        {
            Assert.That(Chosen(options, (long)(needed[i] / 0.899)).Weights, Is.EqualTo(QuantizationPolicy.Formats[i]));
        }

        // Weights in files need not fit, and no others would.
        Assert.That(Chosen(options, needed[2]).Weights, Is.EqualTo(WeightFormat.AsStored));

        static PlacementPlan Chosen(EngineOptions options, long free)
            => Plan(options, free, onProcessor: true, TestPaths.TinyR1, long.MaxValue);
    }

    [Test]
    public async Task A_packed_checkpoint_keeps_its_format()
    {
        using var directory = new TemporaryDirectory();
        var packed = Path.Combine(directory.Path, "packed");
        await ModelPacker.PackAsync(TestPaths.TinyR1, packed, WeightFormat.Int8);
        var options = new EngineOptions { Weights = WeightFormat.Auto };
        var stored = Plan(options with { Weights = WeightFormat.AsStored }, 0, onProcessor: true, packed, 0).Total;
        Assert.That(Plan(options, 0, onProcessor: true, packed, 0).Total, Is.EqualTo(stored));
        await using var model = await DeepSeekModel.LoadAsync(packed, options with { Device = Device.Cpu });
        Assert.That(model.Info.Weights, Is.EqualTo(WeightFormat.Int8));
    }

    private static PlacementPlan Plan(EngineOptions options, params long[] available)
        => Plan(options, long.MaxValue, onProcessor: false, TestPaths.TinyR1, available);

    private static PlacementPlan Plan(EngineOptions options, long freeOnHost, bool onProcessor, string directory, params long[] available)
    {
        var config = ModelConfigReader.Read(directory);
        using var checkpoint = Checkpoint.Open(directory, config.Fp8);
        return PlacementPlan.For(checkpoint, config, StepLimits.For(options, config), options, available, onProcessor, freeOnHost);
    }
}
