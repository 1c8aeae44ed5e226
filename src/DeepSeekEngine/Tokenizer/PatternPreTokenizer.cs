using System.Runtime.InteropServices;
using DeepSeekEngine.Tokenizer.Patterns;

namespace DeepSeekEngine.Tokenizer;

/// <summary>
/// Cuts text in passes, one for each pattern and each over the pieces of the one before; both the matches of the pattern and the text
/// between them become pieces.
/// </summary>
/// <param name="patterns">The patterns of the passes in order.</param>
internal sealed class PatternPreTokenizer(IReadOnlyList<Pattern> patterns) : IPreTokenizer
{
    public void Split(ReadOnlySpan<char> text, List<int> ends)
        => Split(text, ends, [.. patterns.Select(pattern => new PatternMatcher(pattern))]);

    /// <summary>As <see cref="Split(ReadOnlySpan{char}, List{int})"/>, with a matcher for each pattern.</summary>
    public static void Split(ReadOnlySpan<char> text, List<int> ends, IReadOnlyList<PatternMatcher> matchers)
    {
        if (text.IsEmpty)
        {
            return;
        }

        List<int> pieces = [text.Length];
        List<int> cut = [];
        foreach (PatternMatcher matcher in matchers)
        {
            cut.Clear();
            int start = 0;
            foreach (int end in pieces)
            {
                SplitPiece(text[start..end], start, matcher, cut);
                start = end;
            }

            (pieces, cut) = (cut, pieces);
        }

        ends.AddRange(CollectionsMarshal.AsSpan(pieces));
    }

    /// <summary>One pass over one piece, which begins at <paramref name="offset"/>. A match of nothing is a cut too.</summary>
    private static void SplitPiece(ReadOnlySpan<char> piece, int offset, PatternMatcher matcher, List<int> ends)
    {
        matcher.Begin(piece.Length);
        int done = 0;
        int at = 0;
        while (at < piece.Length)
        {
            int end = matcher.Match(piece, at);
            if (end >= 0 && at > done)
            {
                ends.Add(offset + at);
                done = at;
            }

            if (end > at)
            {
                ends.Add(offset + end);
                done = at = end;
            }
            else
            {
                CodePoints.At(piece, at, out at);
            }
        }

        if (done < piece.Length)
        {
            ends.Add(offset + piece.Length);
        }
    }
}
