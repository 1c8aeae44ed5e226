using System.Text.Json.Serialization;

namespace ChatServer;

/// <summary>What a request took.</summary>
internal sealed record UsageBody(
    int PromptTokens, int CompletionTokens, int TotalTokens, PromptDetails PromptTokensDetails, CompletionDetails CompletionTokensDetails);

/// <summary>Tokens of the prompt that were not computed again.</summary>
internal sealed record PromptDetails(int CachedTokens);

/// <summary>Produced tokens that are reasoning.</summary>
internal sealed record CompletionDetails(int ReasoningTokens);

/// <summary>A model.</summary>
internal sealed record ModelBody(string Id, long Created)
{
    public string Object => "model";

    public string OwnedBy => "deepseek-engine";
}

/// <summary>All models.</summary>
internal sealed record ModelList(IReadOnlyList<ModelBody> Data)
{
    public string Object => "list";
}

/// <summary>An error.</summary>
internal sealed record ErrorBody(ErrorDetails Error);

/// <summary>What is wrong, and in which field.</summary>
internal sealed record ErrorDetails(string Message, string Type, string? Param, string? Code)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Param { get; init; } = Param;

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Code { get; init; } = Code;
}
