namespace DeepSeekEngine.Tokenizer;

/// <summary>A token that is cut out of the text before anything else looks at it.</summary>
/// <param name="Id">The token.</param>
/// <param name="Content">The text that stands for it.</param>
/// <param name="Special">Whether it is left out of a decoded answer: true of begin of sentence, false of <c>&lt;｜User｜&gt;</c> and
/// <c>&lt;think&gt;</c>.</param>
internal readonly record struct AddedToken(int Id, string Content, bool Special);
