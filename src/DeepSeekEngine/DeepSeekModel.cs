using System.Runtime.CompilerServices;
using DeepSeekEngine.Backends;
using DeepSeekEngine.Model;
using DeepSeekEngine.Runtime;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine;

/// <summary>
/// A model of the DeepSeek-R1 family, loaded from a Hugging Face directory as it was published. All members may be called from any
/// thread; requests are computed together.
/// </summary>
public sealed class DeepSeekModel : IAsyncDisposable
{
    private readonly LoadedModel _loaded;

    private DeepSeekModel(LoadedModel loaded) => _loaded = loaded;

    /// <summary>What the model holds, for tests that look whether it was returned.</summary>
    internal LoadedModel Loaded => _loaded;

    /// <summary>What was loaded and where it runs.</summary>
    public ModelInfo Info => _loaded.Info;

    /// <summary>
    /// Loads a checkpoint directory: config.json, tokenizer.json and safetensors weights. Nothing in it is converted or changed.
    /// </summary>
    /// <param name="directory">The directory.</param>
    /// <param name="options">How to load and run it.</param>
    /// <param name="progress">Told of stages and bytes, from a thread of the loader.</param>
    /// <param name="cancellationToken">Stops loading; what was loaded is freed.</param>
    /// <exception cref="ModelFormatException">A file is missing, damaged, or says something that cannot be true.</exception>
    /// <exception cref="UnsupportedModelException">The checkpoint is of a kind this version cannot run.</exception>
    /// <exception cref="DeviceUnavailableException">The device asked for does not exist or cannot be used.</exception>
    /// <exception cref="NotEnoughMemoryException">The model does not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <see cref="EngineOptions.ContextLength"/> is more than the model was made for.
    /// </exception>
    /// <exception cref="OperationCanceledException">Loading was cancelled.</exception>
    public static async Task<DeepSeekModel> LoadAsync(
        string directory, EngineOptions? options = null, IProgress<LoadProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        options ??= new EngineOptions();

        // Loading reads and copies for as long as the disk and the device take, so it gets a thread of its own, not the pool's.
        var loaded = await Task.Factory.StartNew(
            () => LoadedModel.Load(Path.GetFullPath(directory), options, progress, cancellationToken),
            cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false);
        return new DeepSeekModel(loaded);
    }

    /// <summary>What a checkpoint would take in memory. Reads its configuration and headers only.</summary>
    /// <param name="directory">The checkpoint directory.</param>
    /// <param name="options">How it would be loaded; the device need not be there.</param>
    /// <exception cref="ModelFormatException">A file is missing, damaged, or says something that cannot be true.</exception>
    /// <exception cref="UnsupportedModelException">The checkpoint is of a kind this version cannot run.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <see cref="EngineOptions.ContextLength"/> is more than the model was made for.
    /// </exception>
    public static MemoryEstimate EstimateMemory(string directory, EngineOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        options ??= new EngineOptions();
        var path = Path.GetFullPath(directory);
        var config = ModelConfigReader.Read(path);
        using var checkpoint = Checkpoint.Open(path, config.Fp8);
        var kind = BackendFactory.KindOf(options);
        return PlacementPlan.For(
            checkpoint, config, StepLimits.For(options, config), options, BackendFactory.MemoryOf(options, kind), kind is Device.Cpu).Total;
    }

    /// <summary>Answers a single user message.</summary>
    /// <inheritdoc cref="GenerateAsync(IReadOnlyList{Message}, GenerationOptions?, CancellationToken)"/>
    public Task<GenerationResult> GenerateAsync(
        string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => GenerateAsync(Question(prompt), options, cancellationToken);

    /// <summary>Answers a conversation, whole.</summary>
    /// <param name="messages">The conversation so far, rendered by the checkpoint's chat template.</param>
    /// <param name="options">How to generate.</param>
    /// <param name="cancellationToken">Stops the request and frees what it held.</param>
    /// <exception cref="ArgumentException">
    /// There is no message, the chat template does not allow for one of them, or a tool must be called that there is not.
    /// </exception>
    /// <exception cref="UnsupportedSchemaException">Arguments of a tool cannot be held to its schema.</exception>
    /// <exception cref="NotSupportedException">There are tools, and the tokenizer lacks the tokens around calls.</exception>
    /// <exception cref="ContextLengthExceededException">The conversation does not fit the context.</exception>
    /// <exception cref="QueueFullException">Too many requests are waiting already.</exception>
    /// <exception cref="OperationCanceledException">The request was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The model was disposed before the answer was complete.</exception>
    public Task<GenerationResult> GenerateAsync(
        IReadOnlyList<Message> messages, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => GenerationResult.CollectAsync(StreamAsync(messages, options, cancellationToken));

    /// <summary>Continues a prompt as it is, without the chat template.</summary>
    /// <inheritdoc cref="StreamAsync(RawPrompt, GenerationOptions?, CancellationToken)"/>
    public Task<GenerationResult> GenerateAsync(
        RawPrompt prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => GenerationResult.CollectAsync(StreamAsync(prompt, options, cancellationToken));

    /// <summary>Answers a single user message, piece by piece.</summary>
    /// <inheritdoc cref="StreamAsync(IReadOnlyList{Message}, GenerationOptions?, CancellationToken)"/>
    public IAsyncEnumerable<GenerationChunk> StreamAsync(
        string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => StreamAsync(Question(prompt), options, cancellationToken);

    /// <summary>
    /// Answers a conversation, piece by piece: reasoning, then the answer; the last piece says why it ended and what it took.
    /// The request begins with the enumeration and is cancelled, and its memory freed, when the enumeration is left.
    /// </summary>
    /// <param name="messages">The conversation so far, rendered by the checkpoint's chat template.</param>
    /// <param name="options">How to generate.</param>
    /// <param name="cancellationToken">Stops the request and frees what it held.</param>
    /// <exception cref="ArgumentException">
    /// There is no message, the chat template does not allow for one of them, or a tool must be called that there is not.
    /// </exception>
    /// <exception cref="UnsupportedSchemaException">Arguments of a tool cannot be held to its schema.</exception>
    /// <exception cref="NotSupportedException">There are tools, and the tokenizer lacks the tokens around calls.</exception>
    /// <exception cref="ContextLengthExceededException">The conversation does not fit the context.</exception>
    /// <exception cref="QueueFullException">Too many requests are waiting already.</exception>
    /// <exception cref="OperationCanceledException">The request was cancelled, while enumerating.</exception>
    /// <exception cref="ObjectDisposedException">The model was disposed before the answer was complete, while enumerating.</exception>
    public IAsyncEnumerable<GenerationChunk> StreamAsync(
        IReadOnlyList<Message> messages, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        CheckMessages(messages);
        options ??= new GenerationOptions();
        if (options.ForceThinking && options.MaxThinkingTokens == 0)
        {
            throw new ArgumentException(
                $"{nameof(options.ForceThinking)} and a {nameof(options.MaxThinkingTokens)} of 0 contradict each other.", nameof(options));
        }

        return Stream(Fitting(_loaded.Encode(messages, options)), options, cancellationToken);
    }

    /// <summary>
    /// Continues a prompt as it is, without the chat template, piece by piece. The thinking budget counts where the prompt or the response
    /// opens the reasoning; skipping or forcing it is up to the prompt.
    /// </summary>
    /// <param name="prompt">Text or tokens.</param>
    /// <param name="options">How to generate.</param>
    /// <param name="cancellationToken">Stops the request and frees what it held.</param>
    /// <exception cref="ArgumentException">The prompt has a token the model lacks.</exception>
    /// <exception cref="ContextLengthExceededException">The prompt does not fit the context.</exception>
    /// <exception cref="QueueFullException">Too many requests are waiting already, while enumerating.</exception>
    /// <exception cref="OperationCanceledException">The request was cancelled, while enumerating.</exception>
    /// <exception cref="ObjectDisposedException">The model was disposed before the answer was complete, while enumerating.</exception>
    public IAsyncEnumerable<GenerationChunk> StreamAsync(
        RawPrompt prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        options ??= new GenerationOptions();
        return Stream(Fitting(_loaded.Encode(prompt, options)), options, cancellationToken);
    }

    /// <summary>Starts a conversation that remembers what was said.</summary>
    /// <param name="system">Instructions it stands under; null for none.</param>
    public Conversation StartConversation(string? system = null) => new(this, system);

    /// <summary>The tokens of a text, as part of a message: what looks like a special token in it is not one.</summary>
    public IReadOnlyList<int> Tokenize(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return _loaded.Tokenizer.Encode(text, parseAddedTokens: false);
    }

    /// <summary>The text of tokens; the replacement character stands for bytes that are no whole character.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The model has no such token.</exception>
    public string Detokenize(IEnumerable<int> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var values = tokens.ToArray();
        foreach (var token in values)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(token, nameof(tokens));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(token, _loaded.Tokenizer.VocabSize, nameof(tokens));
        }

        return _loaded.Tokenizer.Decode(values, skipSpecial: false);
    }

    /// <summary>Tokens a conversation takes as a prompt, the chat template's own among them.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="options">What would be asked for: tools are described in the prompt, too.</param>
    /// <exception cref="ArgumentException">There is no message, or the chat template does not allow for one of them.</exception>
    public int CountTokens(IReadOnlyList<Message> messages, GenerationOptions? options = null)
    {
        CheckMessages(messages);
        return _loaded.Tokens(messages, options ?? new GenerationOptions(), out _).Length;
    }

    /// <summary>
    /// The devices of this machine: the CPU, CUDA devices, and OpenCL devices if asked for. Some OpenCL drivers replace the process's
    /// signal handlers when they are loaded, which is why they are not asked unless you say so.
    /// </summary>
    public static IReadOnlyList<DeviceInfo> GetDevices(bool includeOpenCl = false) => BackendFactory.Devices(includeOpenCl);

    /// <summary>Stops generating, fails the requests in progress and frees everything the model held.</summary>
    public ValueTask DisposeAsync() => _loaded.DisposeAsync();

    private static void CheckMessages(IReadOnlyList<Message> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        if (messages.Count == 0)
        {
            throw new ArgumentException("A conversation has at least one message.", nameof(messages));
        }
    }

    private Prompt Fitting(Prompt prompt)
        => prompt.Tokens.Length < Info.ContextLength
            ? prompt
            : throw new ContextLengthExceededException(prompt.Tokens.Length, Info.ContextLength);

    private static Message[] Question(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return [new Message(Role.User, prompt)];
    }

    private async IAsyncEnumerable<GenerationChunk> Stream(
        Prompt prompt, GenerationOptions options, CancellationToken outer, [EnumeratorCancellation] CancellationToken enumeration = default)
    {
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(outer, enumeration);
        var request = _loaded.CreateRequest(prompt, options, cancellation.Token);
        _loaded.Engine.Submit(request);
        try
        {
            await foreach (var chunk in request.Chunks.ReadAllAsync(cancellation.Token).ConfigureAwait(false))
            {
                // The channel hands out all it holds before it looks, and that may be a whole answer.
                cancellation.Token.ThrowIfCancellationRequested();
                yield return chunk;
            }
        }
        finally
        {
            // Whoever stops listening has no use for the rest.
            await cancellation.CancelAsync().ConfigureAwait(false);
        }
    }
}
