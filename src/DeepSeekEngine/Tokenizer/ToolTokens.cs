namespace DeepSeekEngine.Tokenizer;

/// <summary>
/// The tokens around the calls of a response. They, and not the text they stand for, make a call one: a model that quotes them in ordinary
/// tokens calls nothing.
/// </summary>
internal sealed record ToolTokens(int CallsBegin, int CallsEnd, int CallBegin, int CallEnd, int Separator)
{
    public const string SeparatorText = "<｜tool▁sep｜>";

    /// <summary>Those of a tokenizer; null where it lacks one of them, as those of the distilled models do.</summary>
    public static ToolTokens? Find(DeepSeekTokenizer tokenizer)
        => tokenizer.FindToken("<｜tool▁calls▁begin｜>") is int callsBegin
            && tokenizer.FindToken("<｜tool▁calls▁end｜>") is int callsEnd
            && tokenizer.FindToken("<｜tool▁call▁begin｜>") is int callBegin
            && tokenizer.FindToken("<｜tool▁call▁end｜>") is int callEnd
            && tokenizer.FindToken(SeparatorText) is int separator
                ? new ToolTokens(callsBegin, callsEnd, callBegin, callEnd, separator)
                : null;

    public bool Contains(int token)
        => token == CallsBegin || token == CallsEnd || token == CallBegin || token == CallEnd || token == Separator;
}
