using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace DeepSeekEngine.Extensions.AI;

/// <summary>A model, which may still be loading, as a chat client. It holds nothing and is safe to use from many threads.</summary>
/// <param name="model">Gives the model once it is loaded.</param>
/// <param name="loaded">Gives the model if it is loaded.</param>
/// <param name="modelId">What the model is called.</param>
internal sealed class DeepSeekChatClient(Func<CancellationToken, Task<DeepSeekModel>> model, Func<DeepSeekModel?> loaded, string modelId)
    : IChatClient
{
    /// <summary>What telemetry calls the provider; the engine's own activities bear the same name.</summary>
    private const string ProviderName = "deepseek_engine";

    private readonly ChatClientMetadata _metadata = new(ProviderName, providerUri: null, modelId);

    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var engine = await model(cancellationToken).ConfigureAwait(false);
        var createdAt = DateTimeOffset.UtcNow;
        var id = NewId();
        var result = await engine.GenerateAsync(
            ChatMessages.From(messages, options), Options(options, engine), cancellationToken).ConfigureAwait(false);
        List<AIContent> contents = [];
        if (result.Reasoning.Length > 0 && ShowsReasoning(options))
        {
            contents.Add(new TextReasoningContent(result.Reasoning));
        }

        if (result.Text.Length > 0 || result.ToolCalls.Count == 0)
        {
            contents.Add(new TextContent(result.Text));
        }

        contents.AddRange(result.ToolCalls.Select(FunctionCalls.ToContent));
        return new ChatResponse(new ChatMessage(ChatRole.Assistant, contents) { MessageId = id, CreatedAt = createdAt, RawRepresentation = result })
        {
            ResponseId = id,
            ModelId = modelId,
            CreatedAt = createdAt,
            FinishReason = Reason(result.FinishReason),
            Usage = Details(result.Usage),
            RawRepresentation = result,
        };
    }

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return Stream(messages, options, cancellationToken);
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(ChatClientMetadata) ? _metadata
            : serviceType == typeof(DeepSeekModel) ? loaded()
            : serviceType.IsInstanceOfType(this) ? this
            : null;
    }

    public void Dispose()
    {
        // The model is not the client's.
    }

    private static string NewId() => Guid.NewGuid().ToString("N");

    private static bool ShowsReasoning(ChatOptions? options) => options?.Reasoning?.Output is not ReasoningOutput.None;

    private static ChatFinishReason Reason(FinishReason reason) => reason switch
    {
        FinishReason.EndOfText or FinishReason.StopSequence => ChatFinishReason.Stop,
        FinishReason.ToolCalls => ChatFinishReason.ToolCalls,
        _ => ChatFinishReason.Length,
    };

    private static UsageDetails Details(Usage usage) => new()
    {
        InputTokenCount = usage.PromptTokens,
        CachedInputTokenCount = usage.CachedPromptTokens,
        OutputTokenCount = usage.CompletionTokens,
        ReasoningTokenCount = usage.ReasoningTokens,
        TotalTokenCount = usage.PromptTokens + usage.CompletionTokens,
    };

    private GenerationOptions Options(ChatOptions? options, DeepSeekModel engine)
        => options is null ? new GenerationOptions() : ChatOptionsMapping.ToGenerationOptions(options, this, modelId, engine.Info.ContextLength);

    private async IAsyncEnumerable<ChatResponseUpdate> Stream(
        IEnumerable<ChatMessage> messages, ChatOptions? options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var engine = await model(cancellationToken).ConfigureAwait(false);
        var createdAt = DateTimeOffset.UtcNow;
        var id = NewId();
        var showsReasoning = ShowsReasoning(options);
        var calls = new StreamedCalls();
        var chunks = engine.StreamAsync(ChatMessages.From(messages, options), Options(options, engine), cancellationToken);
        await foreach (var chunk in chunks.ConfigureAwait(false))
        {
            List<AIContent> contents = [];
            if (calls.Add(chunk) is { } call)
            {
                contents.Add(call);
            }

            if (chunk.Text.Length > 0 && chunk.Kind is ChunkKind.Answer)
            {
                contents.Add(new TextContent(chunk.Text));
            }
            else if (chunk.Text.Length > 0 && chunk.Kind is ChunkKind.Reasoning && showsReasoning)
            {
                contents.Add(new TextReasoningContent(chunk.Text));
            }

            if (chunk.Usage is not null)
            {
                contents.Add(new UsageContent(Details(chunk.Usage)) { RawRepresentation = chunk.Usage });
            }

            // Without contents an update is still worth sending where someone asked for log-probabilities.
            if (contents.Count > 0 || chunk.LogProbabilities.Count > 0)
            {
                yield return new ChatResponseUpdate(ChatRole.Assistant, contents)
                {
                    ResponseId = id,
                    MessageId = id,
                    ModelId = modelId,
                    CreatedAt = createdAt,
                    FinishReason = chunk.FinishReason is { } reason ? Reason(reason) : null,
                    RawRepresentation = chunk,
                };
            }
        }
    }
}
