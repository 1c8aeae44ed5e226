namespace DeepSeekEngine;

/// <summary>The prompt does not fit the context the model was loaded with.</summary>
public sealed class ContextLengthExceededException : DeepSeekException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="promptTokens">Tokens in the prompt.</param>
    /// <param name="contextLength">Tokens the context holds, prompt and answer together.</param>
    public ContextLengthExceededException(int promptTokens, int contextLength)
        : base($"The prompt has {promptTokens} tokens and the context holds {contextLength}, of which at least one "
             + "must be left for the answer. Shorten the prompt or load the model with a larger EngineOptions.ContextLength.")
    {
        PromptTokens = promptTokens;
        ContextLength = contextLength;
    }

    /// <summary>Tokens in the prompt.</summary>
    public int PromptTokens { get; }

    /// <summary>Tokens the context holds, prompt and answer together.</summary>
    public int ContextLength { get; }
}
