using Microsoft.Extensions.AI;

namespace DeepSeekEngine.Extensions.AI;

/// <summary>Makes chat clients of models.</summary>
public static class DeepSeekChatClientExtensions
{
    /// <summary>
    /// The model as a chat client. Disposing the client does not dispose the model. The client's GetService gives the
    /// <see cref="DeepSeekModel"/> and a <see cref="ChatClientMetadata"/>.
    /// </summary>
    /// <remarks>
    /// Messages are text: other contents are refused with a <see cref="NotSupportedException"/>, but for reasoning and usage, which come
    /// with earlier responses and are left out. Reasoning is answered as <see cref="TextReasoningContent"/>. What of
    /// <see cref="ChatOptions"/> the model cannot do is refused with a <see cref="NotSupportedException"/> that names the property; nothing
    /// is silently ignored. <see cref="ChatOptions.AdditionalProperties"/> may have <c>max_thinking_tokens</c>, <c>force_thinking</c>,
    /// <c>min_p</c>, <c>repetition_penalty</c> and <c>top_log_probabilities</c>, which are the properties of
    /// <see cref="GenerationOptions"/> of these names, and <see cref="ChatOptions.RawRepresentationFactory"/> may give a
    /// <see cref="GenerationOptions"/>, whose properties precede those of <see cref="ChatOptions"/>.
    /// </remarks>
    /// <param name="model">The model.</param>
    /// <param name="modelId">What the client calls the model; null: <see cref="ModelInfo.Name"/>.</param>
    public static IChatClient AsChatClient(this DeepSeekModel model, string? modelId = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new DeepSeekChatClient(_ => Task.FromResult(model), () => model, modelId ?? model.Info.Name);
    }
}
