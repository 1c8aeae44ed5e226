namespace DeepSeekEngine.Tests.Runtime;

/// <summary>Texts as a stream of pieces.</summary>
internal static class Pieces
{
    /// <summary>The text in pieces of the given lengths, as long as it lasts; what they leave is the last piece.</summary>
    public static IEnumerable<string> Of(string text, IEnumerable<int> lengths)
    {
        foreach (int length in lengths)
        {
            int taken = Math.Min(length, text.Length);
            yield return text[..taken];
            text = text[taken..];
        }

        yield return text;
    }
}
