using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Testing;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Generation;

/// <summary>Models that come and go, and requests that are cancelled, leave nothing behind in the process.</summary>
[NonParallelizable]
public sealed class MemoryTests
{
    private const int Cycles = 100;
    private const int CancelledRequests = 1000;

    private static readonly EngineOptions Cpu = new() { Device = Device.Cpu, ContextLength = 256, MaxConcurrentRequests = 8 };

    private static readonly GenerationOptions Greedy = new() { Temperature = 0, MaxTokens = 120 };

    [Test]
    public async Task A_hundred_models_return_every_byte()
    {
        var threads = ProcessMemory.CountEngineThreads();
        await LoadAndDisposeAsync(Cycles / 2);
        var native = NativeBuffer.OutstandingBytes;
        await AssertReturnsAsync(() => LoadAndDisposeAsync(Cycles));
        Assert.That(NativeBuffer.OutstandingBytes, Is.EqualTo(native), "what the library counts itself is exact");
        Assert.That(ProcessMemory.CountEngineThreads, Is.EqualTo(threads).After(5000, 10));
    }

    [Test]
    public async Task A_thousand_cancelled_requests_return_every_byte()
    {
        var native = NativeBuffer.OutstandingBytes;
        await using (var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu))
        {
            using var application = new CancellationTokenSource();
            await CancelAsync(model, CancelledRequests / 2, application.Token);
            await AssertReturnsAsync(() => CancelAsync(model, CancelledRequests, application.Token));
        }

        Assert.That(NativeBuffer.OutstandingBytes, Is.EqualTo(native));
    }

    /// <summary>
    /// The bounds leave room for what the runtime keeps for itself, and workspaces that grew to a larger step, and are less than a hundred
    /// models or a thousand requests would leave if each forgot one small object, file or thread. What the runtime takes for itself now
    /// and then it does not take every time, as a leak does: a measurement that ends above the managed bound is made once more.
    /// </summary>
    private static async Task AssertReturnsAsync(Func<Task> work)
    {
        var before = ProcessMemory.Measure();
        await work();
        var after = ProcessMemory.Measure();
        TestContext.Out.WriteLine($"{before}\n{after}");
        if (after.ManagedBytes >= before.ManagedBytes + (64 << 10))
        {
            before = after;
            await work();
            after = ProcessMemory.Measure();
            TestContext.Out.WriteLine(after);
        }

        Assert.That(after.NativeBytes, Is.LessThan(before.NativeBytes + (64 << 10)));
        Assert.That(after.ManagedBytes, Is.LessThan(before.ManagedBytes + (64 << 10)));
        Assert.That(after.UnmanagedResidentBytes, Is.LessThan(before.UnmanagedResidentBytes + (32 << 20)));
        Assert.That(after.OpenFiles, Is.LessThan(before.OpenFiles + 20));
    }

    private static async Task LoadAndDisposeAsync(int cycles)
    {
        for (var i = 0; i < cycles; i++)
        {
            await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, Cpu);
            await model.GenerateAsync("What is 1 + 1?", Greedy with { MaxTokens = 3 });
        }
    }

    /// <summary>Gives requests up at every point of their lives: before they begin, while they wait, in the prompt, and at any token.</summary>
    private static async Task CancelAsync(DeepSeekModel model, int requests, CancellationToken application)
    {
        const int together = 20;
        for (var i = 0; i < requests; i += together)
        {
            await Task.WhenAll(Enumerable.Range(i, together).Select(r => GiveUpAsync(model, r, application)));
        }

        var pool = model.Loaded.Transformer.Cache.Pool;
        await model.GenerateAsync("What is 1 + 1?", Greedy with { MaxTokens = 1 }, application);
        Assert.That(() => pool.FreeBlocks, Is.EqualTo(pool.Blocks).After(5000, 5));
    }

    private static async Task GiveUpAsync(DeepSeekModel model, int request, CancellationToken application)
    {
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(application);
        var chunks = request % 7;
        if (chunks == 0)
        {
            await cancellation.CancelAsync();
        }

        // Every third is left; the others are cancelled from outside, some of them while they wait for their turn.
        var leaves = request % 3 == 0;
        var stream = model.StreamAsync($"What is {request} + 54321?", Greedy, leaves ? application : cancellation.Token).GetAsyncEnumerator();
        await using (stream)
        {
            try
            {
                for (var read = 0; read < chunks; read++)
                {
                    var next = stream.MoveNextAsync();
                    if (!leaves && read == chunks - 1)
                    {
                        await cancellation.CancelAsync();
                    }

                    await next;
                }
            }
            catch (OperationCanceledException)
            {
            }
        }
    }
}
