using Microsoft.Extensions.AI;

namespace DeepSeekEngine.Extensions.AI;

/// <summary>Options of the abstractions as options of the engine: each property is either honoured or refused.</summary>
internal static class ChatOptionsMapping
{
    /// <summary>What is asked for; properties of a raw representation precede those of the options.</summary>
    /// <param name="options">What is asked for. <see cref="ChatOptions.Instructions"/> are part of the messages instead.</param>
    /// <param name="client">Whom a raw representation is asked for.</param>
    /// <param name="modelId">What the model is called.</param>
    /// <param name="contextLength">Tokens the model's context holds.</param>
    /// <exception cref="NotSupportedException">Something is asked for that the model cannot do.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    public static GenerationOptions ToGenerationOptions(ChatOptions options, IChatClient client, string modelId, int contextLength)
    {
        Refuse(options, modelId);
        var raw = options.RawRepresentationFactory?.Invoke(client) switch
        {
            null => new GenerationOptions(),
            GenerationOptions generation => generation,
            var other => throw NotSupported(
                nameof(ChatOptions.RawRepresentationFactory), $"gave a {other.GetType().FullName}", $"Let it give a {nameof(GenerationOptions)} or null."),
        };
        var merged = raw with
        {
            MaxTokens = raw.MaxTokens ?? options.MaxOutputTokens,
            Temperature = raw.Temperature ?? options.Temperature,
            TopP = raw.TopP ?? options.TopP,
            TopK = raw.TopK ?? options.TopK,
            FrequencyPenalty = raw.FrequencyPenalty ?? options.FrequencyPenalty,
            PresencePenalty = raw.PresencePenalty ?? options.PresencePenalty,
            Seed = raw.Seed ?? options.Seed,
            StopSequences = raw.StopSequences ?? options.StopSequences?.ToArray(),
            ResponseFormat = raw.ResponseFormat ?? FormatOf(options.ResponseFormat),
            Tools = raw.Tools ?? options.Tools?.Select(DefinitionOf).ToArray(),
            ToolChoice = raw.ToolChoice ?? ChoiceOf(options.ToolMode),
            ParallelToolCalls = raw.ParallelToolCalls && options.AllowMultipleToolCalls != false,
        };
        merged = AdditionalOptions.Merge(merged, options.AdditionalProperties);
        return merged with { MaxThinkingTokens = merged.MaxThinkingTokens ?? ThinkingBudget(options.Reasoning?.Effort, merged, contextLength) };
    }

    private static void Refuse(ChatOptions options, string modelId)
    {
        if (options.ModelId is not null && options.ModelId != modelId)
        {
            throw NotSupported(nameof(ChatOptions.ModelId), $"is '{options.ModelId}'", $"This client has '{modelId}' only; leave it null.");
        }

        if (options.ConversationId is not null)
        {
            throw NotSupported(nameof(ChatOptions.ConversationId), "is set", "No conversation is kept here; leave it null and send every message.");
        }

        if (options.ContinuationToken is not null)
        {
            throw NotSupported(nameof(ChatOptions.ContinuationToken), "is set", "Responses cannot be resumed; leave it null.");
        }

        if (options.AllowBackgroundResponses == true)
        {
            throw NotSupported(nameof(ChatOptions.AllowBackgroundResponses), "is true", "Responses are given as they are made; leave it null.");
        }

        if (options.Reasoning?.Output is ReasoningOutput.Summary)
        {
            throw NotSupported(
                $"{nameof(ChatOptions.Reasoning)}.{nameof(ReasoningOptions.Output)}", "is Summary", "Reasoning can be had in full or not at all.");
        }
    }

    private static ResponseFormat? FormatOf(ChatResponseFormat? format) => format switch
    {
        null or ChatResponseFormatText => null,
        ChatResponseFormatJson { Schema: { } schema } => ResponseFormat.JsonSchema(schema),
        ChatResponseFormatJson => ResponseFormat.Json(),
        _ => throw NotSupported(nameof(ChatOptions.ResponseFormat), $"is a {format.GetType().FullName}", "Use text or JSON."),
    };

    private static ToolDefinition DefinitionOf(AITool tool) => tool is AIFunctionDeclaration function
        ? new ToolDefinition(function.Name, string.IsNullOrEmpty(function.Description) ? null : function.Description, function.JsonSchema)
        : throw NotSupported(nameof(ChatOptions.Tools), $"has a {tool.GetType().Name}", $"Only functions can be called ({nameof(AIFunctionDeclaration)}).");

    private static ToolChoice? ChoiceOf(ChatToolMode? mode) => mode switch
    {
        null or AutoChatToolMode => null,
        NoneChatToolMode => ToolChoice.None,
        RequiredChatToolMode { RequiredFunctionName: { } name } => ToolChoice.Function(name),
        RequiredChatToolMode => ToolChoice.Required,
        _ => throw NotSupported(nameof(ChatOptions.ToolMode), $"is a {mode.GetType().FullName}", "Use Auto, None, RequireAny or RequireSpecific."),
    };

    /// <summary>
    /// Tokens the model may think, as a share of those it may produce, so that there is room left for the answer; as long as it likes
    /// with the highest effort.
    /// </summary>
    private static int? ThinkingBudget(ReasoningEffort? effort, GenerationOptions options, int contextLength)
    {
        var room = Math.Min(options.MaxTokens ?? contextLength, contextLength);
        return effort switch
        {
            null or ReasoningEffort.ExtraHigh => null,
            ReasoningEffort.None => 0,
            ReasoningEffort.Low => (int)(room * 0.2),
            ReasoningEffort.Medium => (int)(room * 0.5),
            ReasoningEffort.High => (int)(room * 0.8),
            _ => throw NotSupported(
                $"{nameof(ChatOptions.Reasoning)}.{nameof(ReasoningOptions.Effort)}", $"is {effort}",
                "Use one of None, Low, Medium, High and ExtraHigh."),
        };
    }

    private static NotSupportedException NotSupported(string property, string value, string advice)
        => new($"{nameof(ChatOptions)}.{property} {value}, which DeepSeekEngine does not support. {advice}");
}
