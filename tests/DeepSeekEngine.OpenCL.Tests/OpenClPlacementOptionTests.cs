using DeepSeekEngine.Testing;

namespace DeepSeekEngine.OpenCL.Tests;

/// <summary>Options that say where a model is computed and how much of a device it may take.</summary>
public sealed class OpenClPlacementOptionTests
{
    private static readonly GenerationOptions Greedy = new() { Temperature = 0, MaxTokens = 12 };

    [OneTimeSetUp]
    public void RequireDevice() => OpenClDevice.Require();

    [Test]
    public async Task Experts_on_the_host_give_the_same_tokens()
    {
        var device = await AnswerAsync(new EngineOptions { Device = Device.OpenCL, Experts = ExpertPlacement.Device });
        var host = await AnswerAsync(new EngineOptions { Device = Device.OpenCL, Experts = ExpertPlacement.Host });
        Assert.That(host.Text, Is.EqualTo(device.Text));
        Assert.That(device.Device, Does.Not.Contain("+"));
        Assert.That(host.Device, Does.Contain("+ CPU"));
    }

    [Test]
    public async Task A_limit_that_holds_all_but_the_experts_sends_them_to_the_host()
    {
        var options = new EngineOptions { Device = Device.OpenCL, DeviceMemoryLimit = long.MaxValue };
        var all = DeepSeekModel.EstimateMemory(TestPaths.TinyR1, options with { Experts = ExpertPlacement.Device });
        var limited = options with { DeviceMemoryLimit = all.OnDevices - 1 };
        Assert.That(DeepSeekModel.EstimateMemory(TestPaths.TinyR1, limited).OnDevices, Is.LessThan(all.OnDevices));
        Assert.That((await AnswerAsync(limited)).Device, Does.Contain("+ CPU"));
        Assert.That((await AnswerAsync(limited with { DeviceMemoryLimit = all.OnDevices + (1 << 20) })).Device, Does.Not.Contain("+"));
    }

    [Test]
    public async Task A_limit_that_holds_narrower_weights_has_them_chosen()
    {
        var options = new EngineOptions { Device = Device.OpenCL, Experts = ExpertPlacement.Device, DeviceMemoryLimit = long.MaxValue };
        var stored = DeepSeekModel.EstimateMemory(TestPaths.TinyR1, options).OnDevices;
        options = options with { Weights = WeightFormat.Auto, KvCache = KvCachePrecision.Int8 };
        var smaller = DeepSeekModel.EstimateMemory(TestPaths.TinyR1, options).OnDevices;
        Assert.That(smaller, Is.LessThan(stored), "the cache");
        await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, options with { DeviceMemoryLimit = smaller - 1 });
        Assert.That((model.Info.Weights, model.Info.KvCache), Is.EqualTo((WeightFormat.Int8, KvCachePrecision.Int8)));
        var result = await model.GenerateAsync("How many primes are below 10?", Greedy);
        Assert.That(result.Reasoning + result.Text, Is.Not.Empty);
    }

    [Test]
    public async Task A_limit_that_does_not_hold_the_model_refuses_it()
    {
        var options = new EngineOptions { Device = Device.OpenCL, DeviceMemoryLimit = 1 << 20 };
        var refusal = await Assert.ThrowsAsync<NotEnoughMemoryException>(() => DeepSeekModel.LoadAsync(TestPaths.TinyR1, options));
        Assert.That(refusal!.AvailableBytes, Is.EqualTo(1 << 20));
        Assert.That(refusal.RequiredBytes, Is.GreaterThan(1 << 20));
    }

    [Test]
    public async Task More_devices_than_there_are_are_refused()
    {
        var options = new EngineOptions { Device = Device.OpenCL, DeviceCount = 4, DeviceIndex = 40 };
        await Assert.ThrowsAsync<DeviceUnavailableException>(() => DeepSeekModel.LoadAsync(TestPaths.TinyR1, options));
    }

    private static async Task<(string Text, string Device)> AnswerAsync(EngineOptions options)
    {
        await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, options);
        var result = await model.GenerateAsync("How many primes are below 10?", Greedy);
        return (result.Reasoning + result.Text, model.Info.Device);
    }
}
