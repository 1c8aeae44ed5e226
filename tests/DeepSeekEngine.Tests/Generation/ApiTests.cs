using DeepSeekEngine.Kernels.Cpu.Emitted;
using DeepSeekEngine.Testing;
using Microsoft.Extensions.Logging;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Generation;

/// <summary>What the public API offers around an answer, on the sample model.</summary>
public sealed class ApiTests
{
    private static readonly GenerationOptions Greedy = new() { Temperature = 0, MaxTokens = 120 };
    private DeepSeekModel _model = null!;

    [OneTimeSetUp]
    public async Task Load() => _model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, new EngineOptions { Device = Device.Cpu });

    [OneTimeTearDown]
    public async Task Unload() => await _model.DisposeAsync();

    [Test]
    public async Task A_conversation_remembers_answers_without_their_reasoning()
    {
        var conversation = _model.StartConversation();
        var first = await conversation.SendAsync("What is 47 + 58?", Greedy);
        Assert.That(conversation.Messages, Is.EqualTo(new Message[]
        {
            new(Role.User, "What is 47 + 58?"), new(Role.Assistant, first.Text),
        }));

        var second = await conversation.SendAsync("What is 12 + 13?", Greedy);
        var same = await _model.GenerateAsync(
            [new(Role.User, "What is 47 + 58?"), new(Role.Assistant, first.Text), new(Role.User, "What is 12 + 13?")], Greedy);
        Assert.That(second.Text, Is.EqualTo(same.Text));
        Assert.That(second.Usage.PromptTokens, Is.EqualTo(same.Usage.PromptTokens));

        var third = await conversation.SendAsync("What is 20 + 30?", Greedy);
        Assert.That(third.Usage.CachedPromptTokens, Is.GreaterThanOrEqualTo(16), "the turns before are in the cache");
        conversation.Reset();
        Assert.That(conversation.Messages, Is.Empty);
    }

    [Test]
    public async Task An_answer_that_is_left_does_not_become_part_of_the_conversation()
    {
        var conversation = _model.StartConversation("You add numbers.");
        await foreach (var _ in conversation.StreamAsync("What is 47 + 58?", Greedy))
        {
            Assert.That(() => conversation.SendAsync("And?"), Throws.InvalidOperationException);
            Assert.That(conversation.Reset, Throws.InvalidOperationException);
            break;
        }

        Assert.That(conversation.Messages, Is.EqualTo(new[] { new Message(Role.System, "You add numbers.") }));
        Assert.That((await conversation.SendAsync("What is 47 + 58?", Greedy)).Text, Is.Not.Empty, "it goes on");
    }

    [Test]
    public async Task A_raw_prompt_is_continued_as_it_is()
    {
        var rendered = RawPrompt.FromText("<｜begin▁of▁sentence｜><｜User｜>What is 47 + 58?<｜Assistant｜><think>\n");
        var result = await _model.GenerateAsync(rendered, Greedy);
        Assert.That(result.Text, Is.EqualTo("47 + 58 = 105"));
        Assert.That(result.Reasoning, Is.Not.Empty);

        var chat = await _model.GenerateAsync("What is 47 + 58?", Greedy);
        Assert.That(result.Usage.PromptTokens, Is.EqualTo(chat.Usage.PromptTokens));
    }

    [Test]
    public async Task Tokens_can_be_continued()
    {
        var tokens = _model.Tokenize("Okay, I add 47 and 58.");
        Assert.That(_model.Detokenize(tokens), Is.EqualTo("Okay, I add 47 and 58."));
        var fromText = await _model.GenerateAsync(RawPrompt.FromText("Okay, I add 47 and 58."), Greedy with { MaxTokens = 10 });
        var fromTokens = await _model.GenerateAsync(RawPrompt.FromTokens(tokens), Greedy with { MaxTokens = 10 });
        Assert.That(fromTokens.Text, Is.EqualTo(fromText.Text));
        Assert.That(fromTokens.Usage.PromptTokens, Is.EqualTo(tokens.Count));

        Assert.That(() => RawPrompt.FromTokens([]), Throws.ArgumentException);
        Assert.That(() => _model.StreamAsync(RawPrompt.FromTokens([-1])), Throws.ArgumentException);
        Assert.That(() => _model.StreamAsync(RawPrompt.FromTokens([int.MaxValue])), Throws.ArgumentException);
        Assert.That(() => _model.Detokenize([int.MaxValue]), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(
            () => _model.StreamAsync(RawPrompt.FromTokens(Enumerable.Repeat(1, _model.Info.ContextLength))),
            Throws.TypeOf<ContextLengthExceededException>());
    }

    [Test]
    public async Task Log_probabilities_are_of_every_token()
    {
        var result = await _model.GenerateAsync("What is 47 + 58?", Greedy with { TopLogProbabilities = 5 });
        var all = result.LogProbabilities;
        Assert.That(all, Has.Count.EqualTo(result.Usage.CompletionTokens));
        foreach (var (token, top) in all)
        {
            Assert.That(top, Has.Count.EqualTo(5));
            Assert.That(top[0], Is.EqualTo(token), "the greedy token is the most probable");
            Assert.That(top.Select(t => t.LogProbability), Is.Ordered.Descending);
            Assert.That(top.Sum(t => Math.Exp(t.LogProbability)), Is.LessThanOrEqualTo(1 + 1e-5));
        }

        Assert.That(string.Concat(all.Select(a => a.Token.Text)), Does.Contain(result.Text));
        Assert.That(all.Count(a => a.Token.LogProbability > Math.Log(0.5)), Is.GreaterThan(all.Count / 2), "it is sure of most of this");

        var without = await _model.GenerateAsync("What is 47 + 58?", Greedy);
        Assert.That(without.LogProbabilities, Is.Empty);
        Assert.That(without.Text, Is.EqualTo(result.Text));
    }

    [Test]
    public async Task All_alternatives_together_are_certain()
    {
        await foreach (var chunk in _model.StreamAsync("What is 1 + 1?", new() { Temperature = 2, Seed = 3, MaxTokens = 5, TopLogProbabilities = 20 }))
        {
            foreach (var (token, top) in chunk.LogProbabilities)
            {
                Assert.That(top.Select(t => t.TokenId).Distinct().Count(), Is.EqualTo(20));
                Assert.That(token.LogProbability, Is.LessThanOrEqualTo(top[0].LogProbability));
            }
        }
    }

    [Test]
    public async Task Thinking_can_be_forced()
    {
        var result = await _model.GenerateAsync("What is 47 + 58?", Greedy with { ForceThinking = true });
        Assert.That(result.Reasoning, Is.Not.Empty);
        Assert.That(
            () => _model.StreamAsync("?", new() { ForceThinking = true, MaxThinkingTokens = 0 }), Throws.ArgumentException);
    }

    [Test]
    public async Task The_tokens_of_a_prompt_can_be_counted()
    {
        Message[] messages = [new(Role.User, "What is 47 + 58?")];
        Assert.That(_model.CountTokens(messages), Is.EqualTo((await _model.GenerateAsync(messages, Greedy)).Usage.PromptTokens));
        Assert.That(() => _model.CountTokens([]), Throws.ArgumentException);
    }

    [Test]
    public void The_processor_is_a_device()
    {
        var cpu = DeepSeekModel.GetDevices().Single(d => d.Device is Device.Cpu);
        Assert.That(cpu.Index, Is.Zero);
        Assert.That(cpu.MemoryBytes, Is.Positive);
        Assert.That(cpu.Name, Does.StartWith("CPU"));
    }

    [Test]
    public void What_was_loaded_can_be_told()
    {
        var info = _model.Info;
        Assert.Multiple(() =>
        {
            Assert.That(info.Directory, Is.EqualTo(Path.GetFullPath(TestPaths.TinyR1)));
            Assert.That(info.Name, Is.EqualTo("tiny-r1"));
            Assert.That(info.Architecture, Is.EqualTo("DeepseekV3ForCausalLM"));
            Assert.That(info.Device, Does.StartWith("CPU"));
            Assert.That((info.Layers, info.MtpModules), Is.EqualTo((4, 1)));
            Assert.That(info.VocabularySize, Is.EqualTo(768));
            Assert.That(info.ContextLength, Is.EqualTo(2048));
            var file = new FileInfo(Path.Combine(TestPaths.TinyR1, "model.safetensors")).Length;
            Assert.That(info.WeightBytes, Is.InRange(file * 0.99, file), "all of the file but its header");
            Assert.That(info.Weights, Is.EqualTo(WeightFormat.AsStored));
            Assert.That(info.KvCache, Is.EqualTo(BFloat16Kernels.Native is null ? KvCachePrecision.Float32 : KvCachePrecision.BFloat16));
        });
    }

    [Test]
    public async Task A_piece_names_the_token_that_released_it()
    {
        var tokens = new List<int>();
        var withoutToken = 0;
        await foreach (var chunk in _model.StreamAsync("What is 47 + 58?", Greedy with { TopLogProbabilities = 0 }))
        {
            tokens.AddRange(chunk.LogProbabilities.Select(alternatives => alternatives.Token.TokenId));
            if (chunk.TokenId is { } token)
            {
                Assert.That(token, Is.EqualTo(tokens[^1]));
            }
            else
            {
                withoutToken++;
            }
        }

        Assert.That(withoutToken, Is.LessThanOrEqualTo(1), "the end alone");
        Assert.That(_model.Detokenize(tokens), Does.Contain("</think>").And.Contain("47 + 58 = 105"));
    }

    [Test]
    public async Task The_engine_logs_what_it_loaded()
    {
        using var log = new RecordingLog();
        await using var model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, new EngineOptions { Device = Device.Cpu, LoggerFactory = log });
        Assert.That(log.Lines, Has.One.StartsWith($"Loaded {TestPaths.TinyR1}: DeepseekV3ForCausalLM on CPU"));
    }

    /// <summary>Keeps what is logged.</summary>
    private sealed class RecordingLog : ILoggerFactory, ILogger
    {
        public List<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            => Lines.Add(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}
