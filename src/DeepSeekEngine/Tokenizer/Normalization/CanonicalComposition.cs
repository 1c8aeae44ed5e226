using System.Text;
using DeepSeekEngine.Tokenizer.Patterns;

namespace DeepSeekEngine.Tokenizer.Normalization;

/// <summary>
/// Unicode's Normalization Form C: characters that are written in several code points are written in one where there is one. Takes
/// O(n log n) of a run of n combining marks, and time in proportion to the length of all other text.
/// </summary>
internal static class CanonicalComposition
{
    /// <summary>The normalized text: <paramref name="text"/> itself where that is normalized already.</summary>
    /// <param name="text">Any text; a surrogate without its partner changes nothing and is kept.</param>
    public static ReadOnlySpan<char> Normalize(ReadOnlySpan<char> text)
    {
        StringBuilder? normalized = null;
        List<int> codePoints = [];
        int copied = 0;
        int start = 0;
        int at = 0;
        while (at < text.Length)
        {
            int codePoint = CodePoints.At(text, at, out int next);
            if (CanonicalTables.IsStable(codePoint))
            {
                start = at;
                at = next;
                continue;
            }

            // What is not stable may change as far back as to the last code point that is, and as far on as to the next.
            at = SkipUnstable(text, next);
            normalized ??= new StringBuilder(text.Length);
            normalized.Append(text[copied..start]);
            Decompose(text[start..at], codePoints);
            Reorder(codePoints);
            Compose(codePoints);
            foreach (int composed in codePoints)
            {
                normalized.Append(new Rune(composed));
            }

            copied = start = at;
        }

        return normalized is null ? text : normalized.Append(text[copied..]).ToString();
    }

    private static int SkipUnstable(ReadOnlySpan<char> text, int at)
    {
        while (at < text.Length && !CanonicalTables.IsStable(CodePoints.At(text, at, out int next)))
        {
            at = next;
        }

        return at;
    }

    private static void Decompose(ReadOnlySpan<char> text, List<int> codePoints)
    {
        codePoints.Clear();
        int at = 0;
        while (at < text.Length)
        {
            CanonicalTables.Decompose(CodePoints.At(text, at, out at), codePoints);
        }
    }

    /// <summary>Puts each run of combining marks in the order of their classes, those of one class in the order they are in.</summary>
    private static void Reorder(List<int> codePoints)
    {
        int start = 0;
        while (start < codePoints.Count)
        {
            int end = start;
            bool ordered = true;
            int last = 0;
            while (end < codePoints.Count && CanonicalTables.CombiningClass(codePoints[end]) is > 0 and int combiningClass)
            {
                ordered &= last <= combiningClass;
                last = combiningClass;
                end++;
            }

            if (!ordered)
            {
                int[] marks = [.. codePoints[start..end].OrderBy(CanonicalTables.CombiningClass)];
                for (int i = start; i < end; i++)
                {
                    codePoints[i] = marks[i - start];
                }
            }

            start = end + 1;
        }
    }

    /// <summary>
    /// Joins each code point to the last one of class 0 unless something between them is of its class or a higher one, or of class 0.
    /// </summary>
    private static void Compose(List<int> codePoints)
    {
        int count = 0;
        int starter = -1;
        int last = 0;
        for (int i = 0; i < codePoints.Count; i++)
        {
            int codePoint = codePoints[i];
            int combiningClass = CanonicalTables.CombiningClass(codePoint);
            if (starter >= 0 && (starter == count - 1 || last < combiningClass)
                && CanonicalTables.Compose(codePoints[starter], codePoint) is int composed)
            {
                codePoints[starter] = composed;
                continue;
            }

            if (combiningClass == 0)
            {
                starter = count;
            }

            last = combiningClass;
            codePoints[count++] = codePoint;
        }

        codePoints.RemoveRange(count, codePoints.Count - count);
    }
}
