using System.Text;
using System.Text.Json;
using DeepSeekEngine.Tokenizer;
using DeepSeekEngine.Tokenizer.Patterns;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Tokenizer;

[Parallelizable(ParallelScope.Self)]
public sealed class PreTokenizerTests
{
    /// <summary>Characters of every kind that a pattern tells apart, many of them beyond U+FFFF, and half surrogate pairs.</summary>
    private static readonly string[] s_alphabet =
    [
        "a", "b", "Z", "s", "S", "\u017F", "\u212A", "ß", "é", "е", "\u05D0", "\u0639", "中", "龥", "龦", "ひ", "カ", "ー", "한", "e\u0301",
        "\u0301", "\u0903",
        "\u20DD", "0", "1", "9", "\u0663", "\u096B", "²", "½", "Ⅷ", "０", "\U0001D7D8", " ", " ", "  ", "\t", "\n", "\n", "\r", "\r\n", "\v",
        "\f", "\u0085",
        "\u00A0", "\u1680", "\u2003", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000", "\u180E", "\u200B", "\uFEFF", "'", "\"", "!", "-",
        "_", "/", "[", "]",
        "\\", "^", "~", "`", "$", "+", "=", "<", ">", "|", "，", "。", "！", "“", "…", "€", "©", "´", "😀", "😂", "\U0001F3FD", "\u200D",
        "\uFE0F", "\U00010400",
        "\U00020000", "\U0001D400", "\uE000", "\U0010FFFF", "\u0000", "'s", "'LL", "\uD83D", "\uDE00", "\uFFFD",
    ];

    private static readonly PatternPreTokenizer s_v3ByPatterns
        = new([.. DeepSeekV3PreTokenizer.Patterns.Select(pattern => new Pattern("test", pattern))]);

    [TestCaseSource(nameof(OracleCases))]
    public void Pieces_are_those_of_the_oracle(PreTokenizerCases expected)
    {
        IPreTokenizer preTokenizer = PreTokenizerReader.Read("test", expected.PreTokenizer);

        Assert.That(expected.Cases, Is.Not.Empty);
        foreach (string[] pieces in expected.Cases)
        {
            string text = string.Concat(pieces);
            Assert.That(Pieces(preTokenizer, text), Is.EqualTo(pieces), $"{expected.Name} on {JsonSerializer.Serialize(text)}");
        }
    }

    [Test]
    public void The_patterns_of_V3_alone_get_the_splitter_written_for_them()
    {
        Assert.That(PreTokenizerReader.Read("test", PreTokenizerCases.Read("DeepSeek-V3").PreTokenizer),
            Is.TypeOf<DeepSeekV3PreTokenizer>());
        Assert.That(PreTokenizerReader.Read("test", PreTokenizerCases.Read("DeepSeek-V2").PreTokenizer), Is.TypeOf<PatternPreTokenizer>());
    }

    [TestCaseSource(typeof(Cases), nameof(Cases.Encoding))]
    public void Matching_the_patterns_of_V3_cuts_as_the_splitter_written_for_them(string directory, EncodingCase expected)
        => AssertSame(expected.Text);

    [Test]
    public void Matching_the_patterns_of_V3_cuts_random_text_as_the_splitter_written_for_them([Range(0, 3)] int seed)
    {
        Random random = new(seed);
        for (int round = 0; round < 2000; round++)
        {
            StringBuilder text = new();
            for (int i = random.Next(1, 40); i > 0; i--)
            {
                text.Append(s_alphabet[random.Next(s_alphabet.Length)]);
            }

            AssertSame(text.ToString());
        }
    }

    // By hand from the patterns: a line break stands alone, and so does a digit; a word, and a run of punctuation, takes one white space
    // before it. The range :-~ of the punctuation holds the ASCII letters, so that ASCII is cut from other letters, and the one that begins
    // at U+0800 holds the Kelvin sign.
    [TestCase("Hello, world!", "Hello|,| world|!")]
    [TestCase("a  b", "a| | b")]
    [TestCase("x = 123;", "x| =| |1|2|3|;")]
    [TestCase("one\r\n\n two", "one|\r|\n|\n| two")]
    [TestCase("中文很好，再见。ok", "中文很好|，|再见|。|ok")]
    [TestCase("\u212A\u2126\U00010428\U0001E943 \U00010400x", "\u212A\u2126|\U00010428\U0001E943| \U00010400|x")]
    [TestCase("un café", "un| caf|é")]
    [TestCase("tail  ", "tail|  ")]
    [TestCase("don't", "don|'|t")]
    [TestCase("😀😀a", "😀😀|a")]
    [TestCase("\t-\u3000Ａ", "\t-|\u3000|Ａ")]
    public void V2_cuts_as_derived_by_hand(string text, string pieces)
        => Assert.That(Pieces(PreTokenizerReader.Read("test", PreTokenizerCases.Read("DeepSeek-V2").PreTokenizer), text),
            Is.EqualTo(pieces.Split('|')));

    [TestCase("DeepSeek-V3")]
    [TestCase("DeepSeek-V2")]
    [TestCase("DeepSeek-Coder")]
    [TestCase("GPT-2")]
    [TestCase("Qwen2")]
    [TestCase("Llama-3")]
    [TestCase("o200k")]
    public void Twice_the_text_takes_twice_the_steps(string name)
    {
        string[] units = ["a", "A", " ", "\n", "7", "的", "<", "\u0301", "\U0001F600", "\u200B", "ab ", "'s", "\u3000\n", "\u3000\u3000."];
        foreach (string unit in units)
        {
            foreach (string tail in (ReadOnlySpan<string>)["", "7", "x", "的"])
            {
                long once = Steps(name, string.Concat(Enumerable.Repeat(unit, 5_000)) + tail);
                long twice = Steps(name, string.Concat(Enumerable.Repeat(unit, 10_000)) + tail);

                Assert.That(twice, Is.InRange(5_000, (2 * once) + 1000), $"{JsonSerializer.Serialize(unit)} before '{tail}'");
            }
        }
    }

    public static IEnumerable<TestCaseData> OracleCases()
        => PreTokenizerCases.Read().Select((cases, i) => new TestCaseData(cases).SetArgDisplayNames($"pattern {i}"));

    private static void AssertSame(string text)
        => Assert.That(Pieces(s_v3ByPatterns, text), Is.EqualTo(Pieces(new DeepSeekV3PreTokenizer(), text)),
            JsonSerializer.Serialize(text));

    private static List<string> Pieces(IPreTokenizer preTokenizer, string text)
    {
        List<int> ends = [];
        preTokenizer.Split(text, ends);
        List<string> pieces = [];
        int start = 0;
        foreach (int end in ends)
        {
            pieces.Add(text[start..end]);
            start = end;
        }

        Assert.That(start, Is.EqualTo(text.Length));
        return pieces;
    }

    private static long Steps(string name, string text)
    {
        IReadOnlyList<string> patterns = PreTokenizerReader.ReadPatterns("test", PreTokenizerCases.Read(name).PreTokenizer);
        PatternMatcher[] matchers = [.. patterns.Select(pattern => new PatternMatcher(new Pattern("test", pattern)))];
        PatternPreTokenizer.Split(text, [], matchers);
        return matchers.Sum(matcher => matcher.Steps);
    }
}
