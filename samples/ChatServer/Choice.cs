using DeepSeekEngine;

namespace ChatServer;

/// <summary>One of the responses a request asks for, which is made when it is asked for.</summary>
internal sealed class Choice(
    Func<CancellationToken, IAsyncEnumerable<GenerationChunk>> stream, Func<CancellationToken, Task<GenerationResult>> generate, string promptParam)
{
    public static Choice Of(DeepSeekModel model, IReadOnlyList<Message> messages, GenerationOptions options)
        => new(stop => model.StreamAsync(messages, options, stop), stop => model.GenerateAsync(messages, options, stop), "messages");

    public static Choice Of(DeepSeekModel model, RawPrompt prompt, GenerationOptions options)
        => new(stop => model.StreamAsync(prompt, options, stop), stop => model.GenerateAsync(prompt, options, stop), "prompt");

    /// <inheritdoc cref="GenerateAsync"/>
    public IAsyncEnumerable<GenerationChunk> StreamAsync(CancellationToken cancellationToken) => Refusing(() => stream(cancellationToken));

    /// <exception cref="ApiException">The engine refuses what it is given.</exception>
    public Task<GenerationResult> GenerateAsync(CancellationToken cancellationToken) => Refusing(() => generate(cancellationToken));

    /// <summary>What the engine says of its arguments, it says before anything is computed, and means whoever sent them.</summary>
    private T Refusing<T>(Func<T> begin)
    {
        try
        {
            return begin();
        }
        catch (ContextLengthExceededException exception)
        {
            throw ApiException.BadRequest(
                $"The prompt has {exception.PromptTokens} tokens and the context holds {exception.ContextLength}, response included.", promptParam,
                "context_length_exceeded");
        }
        catch (ArgumentException exception)
        {
            throw ApiException.BadRequest(exception, promptParam);
        }
    }
}
