using DeepSeekEngine.Testing;
using DeepSeekEngine.Tests.Weights;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Generation;

/// <summary>
/// Requests computed together answer as they do alone, whatever the engine does to fit them in. Of the sample model and of one with
/// grouped-query attention, which says nothing sensible and drafts nothing; with the cache that is fastest, and the former with one that is
/// brought to what attention is computed in first, too.
/// </summary>
[TestFixture(false, KvCachePrecision.Auto)]
[TestFixture(true, KvCachePrecision.Auto)]
[TestFixture(false, KvCachePrecision.Int8)]
public sealed class ManyRequestsTests(bool dense, KvCachePrecision kvCache) : IDisposable
{
    private const int Requests = 24;

    private static readonly EngineOptions OneByOne = new()
    {
        Device = Device.Cpu, MaxConcurrentRequests = 1, ContextLength = 256, SpeculativeDecoding = false, CacheTokens = 16 * 256,
    };

    private readonly TemporaryDirectory _written = new();
    private string _directory = null!;
    private Answer[] _greedy = null!;
    private Answer[] _sampled = null!;

    private static IEnumerable<TestCaseData> Engines =>
    [
        new TestCaseData(OneByOne with { MaxConcurrentRequests = 16 }).SetArgDisplayNames("together"),
        new TestCaseData(OneByOne with { MaxConcurrentRequests = 16, SpeculativeDecoding = true }).SetArgDisplayNames("drafting"),
        new TestCaseData(OneByOne with { MaxConcurrentRequests = 16, SpeculativeDecoding = null }).SetArgDisplayNames("drafting if it pays"),
        new TestCaseData(OneByOne with { MaxConcurrentRequests = 3, SpeculativeDecoding = true }).SetArgDisplayNames("three at a time"),
        new TestCaseData(OneByOne with { MaxConcurrentRequests = 16, CacheTokens = 1 }).SetArgDisplayNames("preempted"),
        new TestCaseData(OneByOne with { MaxConcurrentRequests = 16, CacheTokens = 300, SpeculativeDecoding = true })
            .SetArgDisplayNames("preempted while drafting"),
    ];

    [OneTimeSetUp]
    public async Task AnswerAlone()
    {
        _directory = TestPaths.TinyR1;
        if (dense)
        {
            _directory = _written.Path;
            SyntheticCheckpoint.WriteDense(_directory, tied: true);
        }

        _greedy = new Answer[Requests];
        _sampled = new Answer[Requests];
        for (var i = 0; i < Requests; i++)
        {
            // A model of its own for every request: nothing another computed is there to be shared.
            await using var model = await DeepSeekModel.LoadAsync(_directory, OneByOne with { KvCache = kvCache });
            _greedy[i] = await AskAsync(model, i, Greedy);
            _sampled[i] = await AskAsync(model, i, Sampled(i));
        }
    }

    public void Dispose() => _written.Dispose();

    [TestCaseSource(nameof(Engines))]
    public async Task The_answers_are_those_of_each_alone(EngineOptions options)
    {
        await using var model = await DeepSeekModel.LoadAsync(_directory, options with { KvCache = kvCache });
        for (var round = 0; round < 2; round++)
        {
            Assert.That(await AskAllAsync(model, _ => Greedy), Is.EqualTo(_greedy), "greedy");
            Assert.That(await AskAllAsync(model, Sampled), Is.EqualTo(_sampled), "sampled");
        }

        var pool = model.Loaded.Transformer.Cache.Pool;
        Assert.That(() => pool.FreeBlocks, Is.EqualTo(pool.Blocks).After(1000, 10));
        Assert.That(model.Loaded.Engine.Preemptions, options.CacheTokens >= 16 * 256 ? Is.Zero : Is.Positive);
    }

    [Test]
    public async Task A_beginning_that_was_computed_is_not_computed_again()
    {
        await using var model = await DeepSeekModel.LoadAsync(_directory, OneByOne with { KvCache = kvCache, MaxConcurrentRequests = 4 });
        var first = await model.GenerateAsync(Conversation(0), Greedy);
        Assert.That(first.Usage.CachedPromptTokens, Is.Zero);

        var again = await model.GenerateAsync(Conversation(0), Greedy);
        Assert.That(again.Usage.CachedPromptTokens, Is.EqualTo((first.Usage.PromptTokens - 1) / 16 * 16).And.Positive);
        Assert.That(again.Text, Is.EqualTo(first.Text));
    }

    [Test]
    public async Task A_beginning_that_arrives_many_times_at_once_is_computed_once()
    {
        await using var model = await DeepSeekModel.LoadAsync(_directory, OneByOne with { KvCache = kvCache, MaxConcurrentRequests = 16 });
        var results = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => model.GenerateAsync(Conversation(0), Greedy)));
        var shared = (results[0].Usage.PromptTokens - 1) / 16 * 16;
        Assert.That(results.Count(r => r.Usage.CachedPromptTokens == 0), Is.EqualTo(1));
        Assert.That(results.Count(r => r.Usage.CachedPromptTokens == shared), Is.EqualTo(15));
        Assert.That(results.Select(r => r.Text).Distinct().Count(), Is.EqualTo(1));
    }

    [Test]
    public async Task Drafts_that_are_right_save_steps()
    {
        await using var model = await DeepSeekModel.LoadAsync(_directory, OneByOne with { KvCache = kvCache, SpeculativeDecoding = true });
        var usage = (await model.GenerateAsync(Conversation(3), Greedy)).Usage;
        TestContext.Out.WriteLine($"{usage.AcceptedTokens} of {usage.DraftedTokens} drafts accepted, {usage.CompletionTokens} tokens");
        if (dense)
        {
            Assert.That(usage.DraftedTokens, Is.Zero);
            return;
        }

        Assert.That(usage.AcceptedTokens, Is.GreaterThan(0).And.LessThanOrEqualTo(usage.DraftedTokens));
        Assert.That(usage.DraftedTokens + usage.AcceptedTokens, Is.LessThanOrEqualTo(usage.CompletionTokens));
    }

    [Test]
    public async Task A_full_queue_refuses_at_once_and_what_waits_gets_its_turn()
    {
        await using var model = await DeepSeekModel.LoadAsync(_directory, OneByOne with { KvCache = kvCache, MaxQueuedRequests = 5 });
        var all = Enumerable.Range(0, 50)
            .Select(i => AskAsync(model, i % Requests, Greedy))
            .Select(task => (Task: task, AtOnce: task.IsFaulted)).ToArray();
        var refused = 0;
        var answered = 0;
        foreach (var (task, atOnce) in all)
        {
            try
            {
                await task;
                answered++;
            }
            catch (QueueFullException exception)
            {
                Assert.That(exception.MaxQueuedRequests, Is.EqualTo(5));
                Assert.That(atOnce, "before the caller has waited for anything");
                refused++;
            }
        }

        Assert.That(refused, Is.Positive);
        Assert.That(answered, Is.GreaterThanOrEqualTo(5));
        Assert.That(await AskAsync(model, 0, Greedy), Is.EqualTo(_greedy[0]), "the queue is free again");
    }

    [Test]
    public async Task A_request_that_is_cancelled_while_it_waits_leaves_the_queue()
    {
        await using var model = await DeepSeekModel.LoadAsync(_directory, OneByOne with { KvCache = kvCache, MaxQueuedRequests = 2 });
        using var cancellation = new CancellationTokenSource();
        var running = model.GenerateAsync(Conversation(0), Greedy);
        var waiting = model.GenerateAsync(Conversation(1), Greedy, cancellation.Token);
        await cancellation.CancelAsync();
        await Assert.CatchAsync<OperationCanceledException>(() => waiting);
        await running;
        var next = await Task.WhenAll(AskAsync(model, 1, Greedy), AskAsync(model, 2, Greedy));
        Assert.That(next, Is.EqualTo(_greedy[1..3]));
    }

    private static GenerationOptions Greedy { get; } = new() { Temperature = 0, MaxTokens = 120 };

    private static GenerationOptions Sampled(int i) => new() { Temperature = 1.2f, TopP = 0.95f, Seed = i, MaxTokens = 120 };

    /// <summary>Every third begins as many others do.</summary>
    private static Message[] Conversation(int i)
    {
        var question = new Message(Role.User, $"What is {17 + (7 * i)} + {90 - (3 * i)}?");
        return i % 3 == 0
            ? [new(Role.User, "What is 20 + 31?"), new(Role.Assistant, "20 + 31 = 51"), question]
            : [question];
    }

    private static Task<Answer[]> AskAllAsync(DeepSeekModel model, Func<int, GenerationOptions> options)
        => Task.WhenAll(Enumerable.Range(0, Requests).Select(i => AskAsync(model, i, options(i))));

    private static async Task<Answer> AskAsync(DeepSeekModel model, int i, GenerationOptions options)
    {
        var result = await model.GenerateAsync(Conversation(i), options);
        return new Answer(result.Reasoning, result.Text, result.FinishReason, result.Usage.CompletionTokens);
    }

    private sealed record Answer(string Reasoning, string Text, FinishReason Reason, int Tokens);
}
