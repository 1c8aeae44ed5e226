using DeepSeekEngine;

namespace ChatServer;

/// <summary>What responses of chats and of completions have in common.</summary>
internal static class Responses
{
    public static string FinishReason(FinishReason reason) => reason switch
    {
        DeepSeekEngine.FinishReason.EndOfText or DeepSeekEngine.FinishReason.StopSequence => "stop",
        DeepSeekEngine.FinishReason.ToolCalls => "tool_calls",
        _ => "length",
    };

    /// <param name="usages">Of the responses, those of one prompt beside each other.</param>
    /// <param name="perPrompt">Responses to each prompt, which counts once.</param>
    public static UsageBody Usage(IReadOnlyList<Usage> usages, int perPrompt)
    {
        var prompts = usages.Chunk(perPrompt).Select(responses => responses[0]).ToArray();
        var prompt = prompts.Sum(usage => usage.PromptTokens);
        var completion = usages.Sum(usage => usage.CompletionTokens);
        return new UsageBody(
            prompt, completion, prompt + completion, new PromptDetails(prompts.Sum(usage => usage.CachedPromptTokens)),
            new CompletionDetails(usages.Sum(usage => usage.ReasoningTokens)));
    }
}
