namespace DeepSeekEngine.Tokenizer.Normalization;

/// <summary>
/// Korean syllables, whose code points are numbered by their letters: a leading consonant, a vowel and perhaps a final consonant.
/// </summary>
internal static class Hangul
{
    private const int FirstSyllable = 0xAC00;

    private const int FirstLeading = 0x1100;

    private const int FirstVowel = 0x1161;

    /// <summary>One before the first final consonant: 0 stands for none.</summary>
    private const int NoFinal = 0x11A7;

    private const int Leadings = 19;

    private const int Vowels = 21;

    private const int Finals = 28;

    public static bool IsSyllable(int codePoint) => codePoint is >= FirstSyllable and < FirstSyllable + (Leadings * Vowels * Finals);

    public static bool IsVowel(int codePoint) => codePoint is >= FirstVowel and < FirstVowel + Vowels;

    public static bool IsFinal(int codePoint) => codePoint is > NoFinal and < NoFinal + Finals;

    public static void Decompose(int syllable, List<int> decomposed)
    {
        int index = syllable - FirstSyllable;
        decomposed.Add(FirstLeading + (index / (Vowels * Finals)));
        decomposed.Add(FirstVowel + (index / Finals % Vowels));
        if (index % Finals != 0)
        {
            decomposed.Add(NoFinal + (index % Finals));
        }
    }

    /// <summary>
    /// The syllable of a leading consonant and a vowel, or of a syllable without a final consonant and one; null for others.
    /// </summary>
    public static int? Compose(int first, int second)
    {
        if (first is >= FirstLeading and < FirstLeading + Leadings && IsVowel(second))
        {
            return FirstSyllable + (((((first - FirstLeading) * Vowels) + second) - FirstVowel) * Finals);
        }

        return IsSyllable(first) && (first - FirstSyllable) % Finals == 0 && IsFinal(second) ? first + second - NoFinal : null;
    }
}
