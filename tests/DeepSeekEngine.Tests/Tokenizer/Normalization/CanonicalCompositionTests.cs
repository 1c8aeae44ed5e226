using System.Globalization;
using System.Text;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Tokenizer.Normalization;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Tokenizer.Normalization;

public sealed class CanonicalCompositionTests
{
    [Test]
    public void Text_is_normalized_as_the_oracle_has_it()
    {
        string[] lines = File.ReadAllLines(Path.Combine(TestPaths.TokenizerDirectory, "normalization_cases.txt"));

        Assert.That(lines, Has.Length.EqualTo(600));
        foreach (string line in lines)
        {
            string[] sides = line.Split(';');
            (string text, string normalized) = (FromHex(sides[0]), FromHex(sides[1]));

            Assert.That(Normalize(text), Is.EqualTo(normalized), line);
            Assert.That(Normalize(normalized), Is.EqualTo(normalized), line);
            Assert.That(Normalize($"的{text}😀{text}"), Is.EqualTo(Normalize($"的{normalized}😀{normalized}")), line);
        }
    }

    [TestCase("plain, ASCII\n")]
    [TestCase("café 的确 안녕 \U0001F469\u200D\U0001F4BB")]
    [TestCase("")]
    public void Normalized_text_is_not_copied(string text)
        => Assert.That(CanonicalComposition.Normalize(text).Overlaps(text) || text.Length == 0, Is.True);

    // Code units in hexadecimal: an attribute cannot hold half a pair.
    [TestCase("D83D", "D83D")]
    [TestCase("0065 0301 DE00", "00E9 DE00")]
    [TestCase("D83D 0301", "FFFD 0301")]
    [TestCase("0065 D83D 0065 0301", "0065 D83D 00E9")]
    public void A_surrogate_without_its_partner_does_no_harm(string text, string expected)
        => Assert.That(Normalize(FromUnits(text)), Is.EqualTo(FromUnits(expected)));

    [Test]
    public void Every_syllable_is_composed_of_its_letters()
    {
        List<int> letters = [];
        for (int syllable = 0xAC00; syllable <= 0xD7A3; syllable++)
        {
            letters.Clear();
            Hangul.Decompose(syllable, letters);

            Assert.That(letters, Has.Count.InRange(2, 3));
            Assert.That(Normalize(string.Concat(letters.Select(letter => (char)letter))), Is.EqualTo(((char)syllable).ToString()));
        }
    }

    private static string Normalize(string text) => CanonicalComposition.Normalize(text).ToString();

    private static string FromHex(string codePoints)
        => string.Concat(codePoints.Split(' ').Select(code => new Rune(Parse(code)).ToString()));

    private static string FromUnits(string units) => new([.. units.Split(' ').Select(unit => (char)Parse(unit))]);

    private static int Parse(string number) => int.Parse(number, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
