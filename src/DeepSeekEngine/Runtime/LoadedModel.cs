using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Constraints;
using DeepSeekEngine.Diagnostics;
using DeepSeekEngine.Model;
using DeepSeekEngine.Tokenizer;
using DeepSeekEngine.Weights;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DeepSeekEngine.Runtime;

/// <summary>Everything a loaded model consists of, in the order it must be freed in.</summary>
internal sealed class LoadedModel : IAsyncDisposable
{
    private readonly Stack<IDisposable> _resources = new();
    private readonly GenerationDefaults _defaults;
    private readonly DeepSeekTokenizer _tokenizer;
    private readonly ChatTemplate _template;
    private readonly ToolTokens? _toolTokens;
    private readonly Lazy<TokenVocabulary> _vocabulary;
    private readonly int[] _endTokens;
    private readonly int[] _closeReasoning;
    private int _disposed;

    private LoadedModel(string directory, EngineOptions options, IProgress<LoadProgress>? progress, CancellationToken cancellationToken)
    {
        try
        {
            Report(LoadStage.Inspecting, 0, 0);
            var config = ModelConfigReader.Read(directory);
            _defaults = GenerationDefaults.Read(directory);
            var limits = StepLimits.For(options, config);
            _tokenizer = DeepSeekTokenizer.Load(directory);
            if (_tokenizer.VocabSize > config.VocabSize)
            {
                throw new ModelFormatException(
                    Path.Combine(directory, "tokenizer.json"),
                    $"has tokens up to {_tokenizer.VocabSize - 1} while config.json's vocab_size is {config.VocabSize}: "
                    + "the two are not of the same model.");
            }

            _template = ChatTemplate.Load(directory, _tokenizer);
            _toolTokens = ToolTokens.Find(_tokenizer);
            _vocabulary = new Lazy<TokenVocabulary>(() => new TokenVocabulary(_tokenizer, _tokenizer.VocabSize));
            _endTokens = [.. config.EosTokens];
            _closeReasoning = _tokenizer.Encode($"{ThinkSplitter.ClosingTag}\n\n", parseAddedTokens: true);
            var checkpoint = Own(Checkpoint.Open(directory, config.Fp8));
            cancellationToken.ThrowIfCancellationRequested();

            Report(LoadStage.Preparing, 0, checkpoint.TotalBytes);
            var kind = BackendFactory.KindOf(options);
            var devices = new IBackend[BackendFactory.CountOf(options, kind)];
            for (var i = 0; i < devices.Length; i++)
            {
                devices[i] = Own(BackendFactory.Create(options, kind, i));
            }

            string[] names = [.. devices.Select(device => device.DeviceName)];
            var plan = PlacementPlan.For(
                checkpoint, config, limits, options, [.. devices.Select(device => device.AvailableBytes)], kind is Device.Cpu);
            plan.Check(names);
            checkpoint.IsPaged = plan.IsPaged;
            var host = plan.Placement.ExpertsOnHost ? Own(SimdBackend.Fastest(options.Threads ?? 0)) : null;
            var weights = PlacedWeights.Load(
                plan.Placement, devices, host, checkpoint, QuantizationPolicy.For(plan.Weights),
                options.Threads ?? Environment.ProcessorCount,
                done => Report(LoadStage.LoadingWeights, done, checkpoint.TotalBytes), cancellationToken);
            Transformer = Own(new Transformer(devices, host, weights, config, limits));
            Transformer.Prepare((done, total) => progress?.Report(
                new LoadProgress(LoadStage.Preparing, checkpoint.TotalBytes, checkpoint.TotalBytes) { KernelsDone = done, KernelsTotal = total }));
            var logger = (options.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger<DeepSeekModel>();
            Info = new ModelInfo(
                directory, Architectures.NameOf(config.Architecture),
                string.Join(" + ", host is null ? names : [.. names, host.DeviceName]), config.Layers, Transformer.MtpModules, config.VocabSize, limits.ContextLength, checkpoint.TotalBytes)
            {
                Weights = checkpoint.FormatFor(plan.Weights),
                KvCache = BackendFactory.OptionFor(devices[0].CachePrecision),
            };
            Engine = new Engine(
                Info.Name, Transformer, options, Math.Min(options.PrefillChunk, limits.ContextLength), _tokenizer.VocabSize, logger);
            logger.LogInformation(
                "Loaded {Directory}: {Architecture} on {Device}, weights {Weights}, cache {KvCache}, context {ContextLength}.",
                Info.Directory, Info.Architecture, Info.Device, Info.Weights, Info.KvCache, Info.ContextLength);
            Report(LoadStage.Ready, checkpoint.TotalBytes, checkpoint.TotalBytes);
        }
        catch
        {
            Free();
            throw;
        }

        // Vectors are counted as they are used, in float32, which can be more than they take in the file.
        void Report(LoadStage stage, long done, long total) => progress?.Report(new LoadProgress(stage, Math.Min(done, total), total));
    }

    public ModelInfo Info { get; }

    public DeepSeekTokenizer Tokenizer => _tokenizer;

    public Engine Engine { get; }

    public Transformer Transformer { get; }

    public static LoadedModel Load(
        string directory, EngineOptions options, IProgress<LoadProgress>? progress, CancellationToken cancellationToken)
    {
        try
        {
            return new LoadedModel(directory, options, progress, cancellationToken);
        }
        catch (NotEnoughMemoryException exception) when (options.Device is Device.Auto)
        {
            // It was the GPU that is too small: on the CPU the weights stay in their files.
            options.LoggerFactory?.CreateLogger<DeepSeekModel>().LogWarning(exception, "The model does not fit the GPU; using the CPU.");
            return new LoadedModel(directory, options with { Device = Device.Cpu }, progress, cancellationToken);
        }
    }

    /// <summary>A conversation, ready for the model to answer.</summary>
    public Prompt Encode(IReadOnlyList<Message> messages, GenerationOptions options)
    {
        var tokens = Tokens(messages, options, out var opensReasoning);
        return new Prompt(tokens, opensReasoning, TelemetryTags.Chat, GrammarFor(options));
    }

    /// <summary>The tokens of a conversation.</summary>
    /// <param name="opensReasoning">Whether they end in the opening tag.</param>
    public int[] Tokens(IReadOnlyList<Message> messages, GenerationOptions options, out bool opensReasoning)
    {
        var text = _template.Render(messages, addGenerationPrompt: true, options.Tools);
        opensReasoning = text.Text.AsSpan().TrimEnd('\n').EndsWith(ThinkSplitter.OpeningTag, StringComparison.Ordinal);
        if (options.ForceThinking && !opensReasoning)
        {
            text += PromptText.Trusted($"{ThinkSplitter.OpeningTag}\n");
            opensReasoning = true;
        }

        if (options.MaxThinkingTokens == 0 && _tokenizer.FindToken(ThinkSplitter.OpeningTag) is not null)
        {
            // An empty thought tells the model that it has thought already.
            var opening = opensReasoning ? string.Empty : $"{ThinkSplitter.OpeningTag}\n";
            text += PromptText.Trusted($"{opening}\n{ThinkSplitter.ClosingTag}\n\n");
            opensReasoning = false;
        }

        var tokens = new List<int>();
        _tokenizer.Encode(text, tokens);
        return [.. tokens];
    }

    /// <summary>A prompt as it is.</summary>
    /// <exception cref="ArgumentException">The model has no such token.</exception>
    public Prompt Encode(RawPrompt prompt, GenerationOptions options)
    {
        var tokens = prompt.TokenValues ?? _tokenizer.Encode(prompt.TextValue!, parseAddedTokens: true);
        foreach (var token in tokens)
        {
            if ((uint)token >= (uint)_tokenizer.VocabSize)
            {
                throw new ArgumentException($"{token} is no token: the model's are 0 to {_tokenizer.VocabSize - 1}.", nameof(prompt));
            }
        }

        var text = prompt.TextValue ?? _tokenizer.Decode(tokens.AsSpan(Math.Max(0, tokens.Length - 8)), skipSpecial: false);
        var opensReasoning = text.AsSpan().TrimEnd('\n').EndsWith(ThinkSplitter.OpeningTag, StringComparison.Ordinal);
        return new Prompt(tokens, opensReasoning, TelemetryTags.TextCompletion, GrammarFor(options));
    }

    /// <summary>What the answer is held to; null where it may be anything.</summary>
    /// <exception cref="ArgumentException">A tool must be called that there is not.</exception>
    /// <exception cref="NotSupportedException">The model has no way to call tools.</exception>
    /// <exception cref="UnsupportedSchemaException">The schema of a tool's arguments cannot be kept to.</exception>
    private Grammar? GrammarFor(GenerationOptions options)
    {
        if (options.Tools is { Count: > 0 })
        {
            return ToolCallGrammar.Of(options, _toolTokens ?? throw new NotSupportedException(
                $"'{Info.Name}' cannot be offered tools: its tokenizer lacks the tokens around calls, such as {ToolTokens.SeparatorText}. "
                + "Of the R1 family, the distilled models do."), _template.CallForm);
        }

        return options.ToolChoice == ToolChoice.Required || options.ToolChoice?.FunctionName is not null
            ? throw new ArgumentException("A tool must be called, but there is none.", nameof(options))
            : options.ResponseFormat?.Grammar;
    }

    private AnswerConstraint? ConstraintFor(Prompt prompt, GenerationOptions options)
    {
        if (prompt.Grammar is null)
        {
            return null;
        }

        // Where closing the reasoning is not a token, nothing would say for certain where the answer begins.
        var hasTags = _tokenizer.FindToken(ThinkSplitter.ClosingTag) is not null;
        return new AnswerConstraint(
            new Matcher(prompt.Grammar, _vocabulary.Value, _endTokens), _endTokens, _closeReasoning,
            hasTags && options.MaxThinkingTokens != 0 ? _tokenizer.FindToken(ThinkSplitter.OpeningTag) : null,
            hasTags && prompt.OpensReasoning);
    }

    /// <summary>A request that begins now; whoever makes it submits it.</summary>
    public Request CreateRequest(Prompt prompt, GenerationOptions options, CancellationToken cancellationToken)
    {
        var sampling = SamplingParameters.Resolve(
            options, _defaults.DoSample, _defaults.Temperature, _defaults.TopP, _defaults.TopK, _defaults.MinP, _defaults.RepetitionPenalty);
        return new Request(
            new RequestPlan
            {
                Prompt = prompt.Tokens,
                ContextLength = Info.ContextLength,
                MaxTokens = options.MaxTokens ?? _defaults.MaxNewTokens ?? int.MaxValue,
                MaxThinkingTokens = options.MaxThinkingTokens ?? int.MaxValue,
                CloseReasoning = _closeReasoning,
                EndTokens = _endTokens,
                Sampler = new Sampler(sampling, _tokenizer.VocabSize),
                Text = new ResponseText(
                    _tokenizer, new ThinkSplitter(prompt.OpensReasoning, readsTags: prompt.Grammar is null), new StopSequences(options.StopSequences ?? []),
                    options.Tools is { Count: > 0 } && _toolTokens is not null ? new ToolCallReader(_toolTokens) : null),
                Telemetry = Engine.Telemetry.Request(prompt.Operation, options),
                Constraint = ConstraintFor(prompt, options),
                LogProbabilities = options.TopLogProbabilities is { } top ? new LogProbabilities(top, _tokenizer) : null,
            },
            cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            await Engine.DisposeAsync().ConfigureAwait(false);
            Free();
        }
    }

    private T Own<T>(T resource)
        where T : IDisposable
    {
        _resources.Push(resource);
        return resource;
    }

    private void Free()
    {
        while (_resources.TryPop(out var resource))
        {
            resource.Dispose();
        }
    }
}

/// <summary>An encoded conversation.</summary>
/// <param name="Tokens">Its tokens.</param>
/// <param name="OpensReasoning">Whether it ends in the opening tag, so that the response begins inside the reasoning.</param>
/// <param name="Operation">What is asked for, as telemetry names it.</param>
/// <param name="Grammar">What the answer is held to; null where it may be anything.</param>
internal sealed record Prompt(int[] Tokens, bool OpensReasoning, string Operation, Grammar? Grammar);
