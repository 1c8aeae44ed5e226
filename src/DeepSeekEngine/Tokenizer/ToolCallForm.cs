namespace DeepSeekEngine.Tokenizer;

/// <summary>How a model writes a call between the tokens that begin and end it.</summary>
internal enum ToolCallForm
{
    /// <summary>As R1 and V3: the word "function", the separator, the name on a line of its own, and the arguments in a fence of JSON.</summary>
    Fenced,

    /// <summary>As V3.1: the name, the separator, the arguments.</summary>
    Bare,
}
