namespace DeepSeekEngine;

/// <summary>Why a response ended. A cancelled request has none: it throws <see cref="OperationCanceledException"/>.</summary>
public enum FinishReason
{
    /// <summary>The model produced its end-of-text token.</summary>
    EndOfText,

    /// <summary>The answer contained one of <see cref="GenerationOptions.StopSequences"/>.</summary>
    StopSequence,

    /// <summary><see cref="GenerationOptions.MaxTokens"/> were produced.</summary>
    MaxTokens,

    /// <summary>Prompt and response together fill the context (<see cref="EngineOptions.ContextLength"/>).</summary>
    ContextFull,

    /// <summary>The model asks for tools to be called (<see cref="GenerationResult.ToolCalls"/>).</summary>
    ToolCalls,
}
