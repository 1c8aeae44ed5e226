using BenchmarkDotNet.Attributes;

namespace DeepSeekEngine.Benchmarks;

/// <summary>Answers of the sample model, alone and together; tokens a second are 100 * Requests over the time.</summary>
public class SampleModelBenchmarks
{
    private DeepSeekModel _model = null!;

    [Params(1, 4, 16)]
    public int Requests { get; set; }

    [GlobalSetup]
    public async Task Setup()
        => _model = await DeepSeekModel.LoadAsync(Path.Combine(AppContext.BaseDirectory, "tiny-r1"), new EngineOptions { Device = Device.Cpu });

    [GlobalCleanup]
    public async Task Cleanup() => await _model.DisposeAsync();

    [Benchmark]
    public async Task Answer()
    {
        // Long multiplications take more than 100 tokens of reasoning, so every request is as long as the next.
        var options = new GenerationOptions { MaxTokens = 100, Seed = 1, Temperature = 0 };
        await Task.WhenAll(Enumerable.Range(0, Requests).Select(i => _model.GenerateAsync($"What is 1234{i} x 56?", options)));
    }
}
