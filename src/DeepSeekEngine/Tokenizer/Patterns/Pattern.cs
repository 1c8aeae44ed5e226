namespace DeepSeekEngine.Tokenizer.Patterns;

/// <summary>
/// A regular expression over the code points of UTF-16 text. System.Text.RegularExpressions matches UTF-16 units instead: its \p{L} and
/// \p{S} miss everything beyond U+FFFF (emoji, rare Han), a class cannot hold a range there, and <c>[^...]</c> can match half a surrogate
/// pair.
/// </summary>
internal sealed class Pattern
{
    /// <param name="path">The file that holds the pattern, for messages.</param>
    /// <param name="text">The regular expression.</param>
    /// <exception cref="ModelFormatException">The pattern is no regular expression.</exception>
    /// <exception cref="UnsupportedModelException">The pattern uses something that is not supported.</exception>
    public Pattern(string path, string text)
    {
        Source = new PatternSource(path, text);
        (Program, Loops) = PatternCompiler.Compile(Source, PatternParser.Parse(Source));
    }

    public PatternSource Source { get; }

    public Instruction[] Program { get; }

    /// <summary>How many instructions are loops.</summary>
    public int Loops { get; }
}
