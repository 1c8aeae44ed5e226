using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Testing;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Generation;

/// <summary>What is taken is given back: on cancellation, on abandonment, on failure, on disposal.</summary>
public sealed class LifetimeTests
{
    private static readonly EngineOptions Cpu = new() { Device = Device.Cpu };

    [Test]
    public async Task Cancelling_a_request_frees_its_cache()
    {
        await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu);
        using var cancellation = new CancellationTokenSource();
        await Assert.CatchAsync<OperationCanceledException>(async () =>
        {
            await foreach (var chunk in model.StreamAsync("What is 12345 + 54321?", cancellationToken: cancellation.Token))
            {
                await cancellation.CancelAsync();
            }
        });
        await AssertCacheIsFree(model);
    }

    [Test]
    public async Task Leaving_the_enumeration_frees_the_cache()
    {
        await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu);
        await foreach (var chunk in model.StreamAsync("What is 12345 + 54321?"))
        {
            Assert.That(model.Loaded.Transformer.Cache.Pool.FreeBlocks, Is.LessThan(model.Loaded.Transformer.Cache.Pool.Blocks));
            break;
        }

        await AssertCacheIsFree(model);
    }

    [Test]
    public async Task Cancelling_stops_an_answer_that_waits_to_be_read()
    {
        await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu);
        using var cancellation = new CancellationTokenSource();
        var options = new GenerationOptions { Temperature = 0 };
        await using var pieces = model.StreamAsync("What is 47 + 58?", options, cancellation.Token).GetAsyncEnumerator();
        Assert.That(await pieces.MoveNextAsync());

        // It began later, so that all of the first is computed by now.
        await model.GenerateAsync("What is 47 + 58?", options);
        await cancellation.CancelAsync();
        await Assert.CatchAsync<OperationCanceledException>(async () => await pieces.MoveNextAsync());
    }

    [Test]
    public async Task A_cancelled_request_does_not_disturb_the_others()
    {
        await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu);
        using var cancellation = new CancellationTokenSource();
        var cancelled = Enumerable.Range(0, 5).Select(i => model.GenerateAsync($"What is {i} + 7?", cancellationToken: cancellation.Token)).ToList();
        var kept = model.GenerateAsync("What is 47 + 58?");
        await cancellation.CancelAsync();
        Assert.That((await kept).Text, Is.EqualTo("47 + 58 = 105"));
        foreach (var task in cancelled)
        {
            await Assert.CatchAsync<OperationCanceledException>(() => task);
        }
    }

    [Test]
    public async Task Disposing_fails_what_is_not_finished()
    {
        var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu);
        var running = Enumerable.Range(0, 40).Select(i => model.GenerateAsync($"What is 98765 + 1234{i}?")).ToList();
        await model.DisposeAsync();
        await model.DisposeAsync();
        foreach (var task in running)
        {
            await Assert.ThrowsAsync<ObjectDisposedException>(() => task);
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => model.GenerateAsync("What is 1 + 1?"));
    }

    [Test]
    public async Task Loading_reports_progress_and_can_be_cancelled()
    {
        var reports = new List<LoadProgress>();
        await using (await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu, new Recorder(reports.Add)))
        {
            Assert.That(reports[0].Stage, Is.EqualTo(LoadStage.Inspecting));
            Assert.That(reports[^1].Stage, Is.EqualTo(LoadStage.Ready));
            Assert.That(reports[^1].Fraction, Is.EqualTo(1));
            Assert.That(reports.Select(r => r.BytesDone), Is.Ordered);
            Assert.That(reports.Count(r => r.Stage is LoadStage.LoadingWeights), Is.GreaterThan(10));
        }

        using var cancellation = new CancellationTokenSource();
        var cancelDuringWeights = new Recorder(report =>
        {
            if (report.Stage is LoadStage.LoadingWeights)
            {
                cancellation.Cancel();
            }
        });
        await Assert.CatchAsync<OperationCanceledException>(
            () => DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu, cancelDuringWeights, cancellation.Token));
    }

    [Test]
    public async Task Disposing_returns_the_memory_and_the_mapped_files()
    {
        var before = NativeBuffer.OutstandingBytes;
        for (var i = 0; i < 10; i++)
        {
            await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu);
            await model.GenerateAsync("What is 47 + 58?", new GenerationOptions { MaxTokens = 5 });
            Assert.That(NativeBuffer.OutstandingBytes, Is.GreaterThan(before));
        }

        Assert.That(NativeBuffer.OutstandingBytes, Is.EqualTo(before));
        AssertNoFileIsMapped();
    }

    [Test]
    public async Task A_failed_load_returns_what_it_had_taken()
    {
        var before = NativeBuffer.OutstandingBytes;
        var cancelled = new CancellationToken(canceled: true);
        await Assert.CatchAsync<OperationCanceledException>(() => DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu, cancellationToken: cancelled));
        using var cancellation = new CancellationTokenSource();
        var cancelLate = new Recorder(report =>
        {
            if (report.Stage is LoadStage.LoadingWeights && report.Fraction > 0.9)
            {
                cancellation.Cancel();
            }
        });
        await Assert.CatchAsync<OperationCanceledException>(
            () => DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu, cancelLate, cancellation.Token));
        Assert.That(NativeBuffer.OutstandingBytes, Is.EqualTo(before));
        AssertNoFileIsMapped();
    }

    private static void AssertNoFileIsMapped()
    {
        if (OperatingSystem.IsLinux())
        {
            Assert.That(File.ReadLines("/proc/self/maps").Where(line => line.Contains(TestPaths.TinyR1, StringComparison.Ordinal)), Is.Empty);
        }
    }

    private static async Task AssertCacheIsFree(DeepSeekModel model)
    {
        // The engine sees a cancellation before its next step; a request after it is answered later than that.
        await model.GenerateAsync("What is 1 + 1?", new GenerationOptions { MaxTokens = 1 });
        var pool = model.Loaded.Transformer.Cache.Pool;
        for (var i = 0; i < 100 && pool.FreeBlocks < pool.Blocks; i++)
        {
            await Task.Delay(10);
        }

        Assert.That(pool.FreeBlocks, Is.EqualTo(pool.Blocks));
    }

    private sealed class Recorder(Action<LoadProgress> report) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value) => report(value);
    }
}
