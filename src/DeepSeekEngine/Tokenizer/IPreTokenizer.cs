namespace DeepSeekEngine.Tokenizer;

/// <summary>Cuts text into the pieces within which byte pairs are merged. Safe for several threads.</summary>
internal interface IPreTokenizer
{
    /// <summary>
    /// Appends the end of every piece of <paramref name="text"/> to <paramref name="ends"/>; together the pieces are the text.
    /// </summary>
    /// <param name="text">The text, without added tokens; a surrogate without its partner counts as U+FFFD.</param>
    /// <param name="ends">Receives offsets in UTF-16 units.</param>
    /// <exception cref="UnsupportedModelException">A pattern of the checkpoint takes too many steps on this text.</exception>
    void Split(ReadOnlySpan<char> text, List<int> ends);
}
