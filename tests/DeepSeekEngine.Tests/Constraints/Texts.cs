using System.Text;
using DeepSeekEngine.Constraints;

namespace DeepSeekEngine.Tests.Constraints;

/// <summary>What tests ask of languages, and texts to ask it of.</summary>
internal static class Texts
{
    public static bool Accepts(this TextLanguage language, string text)
    {
        int state = language.StateAfter(text);
        return state != TextLanguage.Dead && language.Accepts(state);
    }

    public static int StateAfter(this TextLanguage language, string text)
    {
        int state = language.Start;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (state != TextLanguage.Dead)
            {
                state = language.Next(state, rune.Value);
            }
        }

        return state;
    }

    /// <summary>All texts of at most so many characters.</summary>
    public static IEnumerable<string> UpTo(int length, string alphabet)
    {
        string[] characters = [.. alphabet.EnumerateRunes().Select(rune => rune.ToString())];
        List<string> texts = [""];
        int start = 0;
        for (int i = 0; i < length; i++)
        {
            int end = texts.Count;
            for (int text = start; text < end; text++)
            {
                texts.AddRange(characters.Select(character => texts[text] + character));
            }

            start = end;
        }

        return texts;
    }

    public static string Random(Random random, int maxLength, string alphabet)
    {
        string[] characters = [.. alphabet.EnumerateRunes().Select(rune => rune.ToString())];
        return string.Concat(Enumerable.Range(0, random.Next(maxLength + 1)).Select(_ => characters[random.Next(characters.Length)]));
    }

    /// <summary>The shortest text of an alphabet that leads from a state to one that accepts, or null if there is none.</summary>
    public static string? Completion(this TextLanguage language, int from, string alphabet)
    {
        Dictionary<int, string> reached = new() { [from] = "" };
        Queue<int> pending = new([from]);
        while (pending.TryDequeue(out int state))
        {
            if (language.Accepts(state))
            {
                return reached[state];
            }

            foreach (Rune rune in alphabet.EnumerateRunes())
            {
                int next = language.Next(state, rune.Value);
                if (next != TextLanguage.Dead && reached.TryAdd(next, reached[state] + rune))
                {
                    pending.Enqueue(next);
                }
            }
        }

        return null;
    }
}
