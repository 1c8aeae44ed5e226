using System.Runtime.CompilerServices;
using System.Text;
using DeepSeekEngine.Runtime;

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
    /// <exception cref="InsufficientMemoryException">The model does not fit.</exception>
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

    /// <summary>Answers a single user message.</summary>
    /// <inheritdoc cref="GenerateAsync(IReadOnlyList{Message}, GenerationOptions?, CancellationToken)"/>
    public Task<GenerationResult> GenerateAsync(
        string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => GenerateAsync(Conversation(prompt), options, cancellationToken);

    /// <summary>Answers a conversation, whole.</summary>
    /// <param name="messages">The conversation so far, rendered by the checkpoint's chat template.</param>
    /// <param name="options">How to generate.</param>
    /// <param name="cancellationToken">Stops the request and frees what it held.</param>
    /// <exception cref="ArgumentException">There is no message, or the chat template does not allow for one of them.</exception>
    /// <exception cref="ContextLengthExceededException">The conversation does not fit the context.</exception>
    /// <exception cref="QueueFullException">Too many requests are waiting already.</exception>
    /// <exception cref="OperationCanceledException">The request was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The model was disposed before the answer was complete.</exception>
    public async Task<GenerationResult> GenerateAsync(
        IReadOnlyList<Message> messages, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var reasoning = new StringBuilder();
        var answer = new StringBuilder();
        GenerationChunk? last = null;
        await foreach (var chunk in StreamAsync(messages, options, cancellationToken).ConfigureAwait(false))
        {
            (chunk.Kind is ChunkKind.Reasoning ? reasoning : answer).Append(chunk.Text);
            last = chunk;
        }

        return new GenerationResult
        {
            Reasoning = reasoning.ToString(),
            Text = answer.ToString(),
            FinishReason = last!.FinishReason!.Value,
            Usage = last.Usage!,
        };
    }

    /// <summary>Answers a single user message, piece by piece.</summary>
    /// <inheritdoc cref="StreamAsync(IReadOnlyList{Message}, GenerationOptions?, CancellationToken)"/>
    public IAsyncEnumerable<GenerationChunk> StreamAsync(
        string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => StreamAsync(Conversation(prompt), options, cancellationToken);

    /// <summary>
    /// Answers a conversation, piece by piece: reasoning, then the answer; the last piece says why it ended and what it took.
    /// The request begins with the enumeration and is cancelled, and its memory freed, when the enumeration is left.
    /// </summary>
    /// <param name="messages">The conversation so far, rendered by the checkpoint's chat template.</param>
    /// <param name="options">How to generate.</param>
    /// <param name="cancellationToken">Stops the request and frees what it held.</param>
    /// <exception cref="ArgumentException">There is no message, or the chat template does not allow for one of them.</exception>
    /// <exception cref="ContextLengthExceededException">The conversation does not fit the context.</exception>
    /// <exception cref="QueueFullException">Too many requests are waiting already.</exception>
    /// <exception cref="OperationCanceledException">The request was cancelled, while enumerating.</exception>
    /// <exception cref="ObjectDisposedException">The model was disposed before the answer was complete, while enumerating.</exception>
    public IAsyncEnumerable<GenerationChunk> StreamAsync(
        IReadOnlyList<Message> messages, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        if (messages.Count == 0)
        {
            throw new ArgumentException("A conversation has at least one message.", nameof(messages));
        }

        options ??= new GenerationOptions();
        var prompt = _loaded.Encode(messages, options);
        if (prompt.Tokens.Length >= Info.ContextLength)
        {
            throw new ContextLengthExceededException(prompt.Tokens.Length, Info.ContextLength);
        }

        return Stream(prompt, options, cancellationToken);
    }

    /// <summary>Stops generating, fails the requests in progress and frees everything the model held.</summary>
    public ValueTask DisposeAsync() => _loaded.DisposeAsync();

    private static Message[] Conversation(string prompt)
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
