using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using DeepSeekEngine.Constraints;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Constraints;

[Parallelizable(ParallelScope.Self)]
public sealed class PatternLanguageTests
{
    private static readonly string[] s_short = [.. Texts.UpTo(5, RandomExpression.Alphabet)];

    [TestCase("^a|b$")]
    [TestCase("a$|b")]
    [TestCase("(^a)")]
    [TestCase("^$")]
    [TestCase("$^")]
    [TestCase("a^b")]
    [TestCase("a$b")]
    [TestCase("(^|b)a($|1)")]
    [TestCase("(^a|b){2}")]
    [TestCase("(^|a)+b")]
    [TestCase("(a|$)*1")]
    [TestCase(@"\bab\b")]
    [TestCase(@"\Ba\B")]
    [TestCase(@"\b")]
    [TestCase(@"\B")]
    [TestCase(@"^\b|\b$")]
    [TestCase(@"a\b.\bb")]
    [TestCase("(a*)*")]
    [TestCase("(a*b?)+1")]
    [TestCase("a{2,3}")]
    [TestCase("^a{2,3}$")]
    [TestCase("^(a{0}b){1,}$")]
    [TestCase("^(ab|a)(b1|1)?$")]
    [TestCase("^(?<first>a)(?<second>b)$")]
    [TestCase("^[^]$")]
    [TestCase("[]")]
    [TestCase("")]
    [TestCase("|a")]
    [TestCase("()")]
    public void Matches_what_the_frameworks_expressions_match(string pattern)
        => Compare(pattern, pattern.Replace("$", @"\z").Replace("[^]", @"[\s\S]").Replace("[]", @"[^\s\S]"), s_short);

    [Test]
    public void Random_expressions_match_what_the_frameworks_match()
    {
        Random random = new(3);
        RandomExpression expressions = new(random);
        string[] texts = [.. Texts.UpTo(3, RandomExpression.Alphabet)];
        for (int round = 0; round < 600; round++)
        {
            (string ecma, string net) = expressions.Next(depth: 3);
            Compare(ecma, net, [.. texts, .. Enumerable.Range(0, 30).Select(_ => Texts.Random(random, 12, RandomExpression.Alphabet))]);
        }
    }

    [TestCase(@"\t\n\v\f\r\0", "\t\n\v\f\r\0")]
    [TestCase(@"\cA\cz\cJ", "\u0001\u001A\n")]
    [TestCase(@"\x41\u0042\u{43}\u{0000044}", "ABCD")]
    [TestCase(@"\uD83D\uDE00\u{1F600}", "\U0001F600\U0001F600")]
    [TestCase("\U0001F600{2}", "\U0001F600\U0001F600")]
    [TestCase(@"[\uD83D\uDE00-\u{1F64F}]", "\U0001F610")]
    [TestCase(@"\^\$\\\.\*\+\?\(\)\[\]\{\}\|\/", @"^$\.*+?()[]{}|/")]
    [TestCase(@"\-\_\@\ \""\~", "-_@ \"~")]
    [TestCase(@"[\b][\-][a-][-a][$^]", "\b---^")]
    [TestCase(@"[(*.?{|+)}[]", "{")]
    [TestCase(@"\p{L}\p{Lu}\p{gc=Ll}\p{General_Category=Letter}\p{Decimal_Number}", "éÉé中٣")]
    [TestCase(@"\P{L}[\p{Lu}\d][^\p{L}\p{C}]", "1É-")]
    public void Escapes_stand_for_their_characters(string pattern, string text)
    {
        TextLanguage language = TextLanguage.Pattern(pattern, wholeText: true);

        Assert.That(language.Accepts(text));
        Assert.That(language.Accepts(text + "x"), Is.False);
        Assert.That(language.Accepts(text[..^1] + "\u0005"), Is.False);
    }

    /// <summary>Each set over all scalar values, against what ECMA-262 says it holds.</summary>
    [Test]
    public void Sets_hold_what_the_standard_says()
    {
        Dictionary<string, Func<Rune, bool>> sets = new()
        {
            [@"\d"] = rune => rune.Value is >= '0' and <= '9',
            [@"\w"] = rune => rune.IsAscii && (char.IsAsciiLetterOrDigit((char)rune.Value) || rune.Value == '_'),
            [@"\s"] = rune => rune.Value is (>= 9 and <= 13) or 0xFEFF or 0x2028 or 0x2029
                || Rune.GetUnicodeCategory(rune) == UnicodeCategory.SpaceSeparator,
            ["."] = rune => rune.Value is not (10 or 13 or 0x2028 or 0x2029),
            [@"\p{Lu}"] = rune => Rune.GetUnicodeCategory(rune) == UnicodeCategory.UppercaseLetter,
            [@"\p{P}"] = Rune.IsPunctuation,
            [@"[^\S]"] = rune => Rune.IsWhiteSpace(rune) != (rune.Value is 0x85 or 0xFEFF),
            [@"[^\d\D]"] = _ => false,
            [@"[\P{N}]"] = rune => !Rune.IsNumber(rune),
        };
        foreach ((string pattern, Func<Rune, bool> contains) in sets)
        {
            TextLanguage language = TextLanguage.Pattern($"({pattern})?", wholeText: true);
            for (int scalar = 0; scalar <= 0x10FFFF; scalar++)
            {
                bool expected = Rune.IsValid(scalar) && contains(new Rune(scalar));
                if ((language.Next(language.Start, scalar) != TextLanguage.Dead) != expected)
                {
                    Assert.Fail($"{pattern} at U+{scalar:X}");
                }
            }
        }
    }

    [Test]
    public void Automaton_is_the_smallest()
    {
        Assert.That(TextLanguage.Pattern("^(ab|ac|(a)[bc])+$", wholeText: false).StateCount, Is.EqualTo(3));
        Assert.That(TextLanguage.Pattern("a", wholeText: false).StateCount, Is.EqualTo(2));
        Assert.That(TextLanguage.Pattern(@"^\d{4}-\d{2}-\d{2}$", wholeText: false).StateCount, Is.EqualTo(11));
        Assert.That(TextLanguage.Pattern("x{0,5000}", wholeText: false).StateCount, Is.EqualTo(1));
        Assert.That(TextLanguage.Pattern(@"^\p{L}{1,1000}$", wholeText: false).StateCount, Is.EqualTo(1001));
        Assert.That(TextLanguage.Pattern(@"\b\B", wholeText: false).IsEmpty);
    }

    [Test]
    public void Any_walk_that_is_not_dead_can_be_completed()
    {
        Random random = new(4);
        RandomExpression expressions = new(random);
        for (int round = 0; round < 500; round++)
        {
            (string pattern, _) = expressions.Next(depth: 2);
            TextLanguage language = TextLanguage.Pattern(pattern, wholeText: random.Next(2) == 0);
            int state = language.Start;
            for (int step = 0; step < 20 && state != TextLanguage.Dead; step++)
            {
                Assert.That(language.Completion(state, RandomExpression.Alphabet + "_\n-"), Is.Not.Null, pattern);
                int[] following =
                    [.. RandomExpression.Alphabet.Select(c => language.Next(state, c)).Where(next => next != TextLanguage.Dead)];
                state = following.Length == 0 ? TextLanguage.Dead : following[random.Next(following.Length)];
            }
        }
    }

    [TestCase("a(?=b)", "lookaround '(?='", 1)]
    [TestCase("a(?!b)", "lookaround '(?!'", 1)]
    [TestCase("(?<=a)b", "lookaround '(?<='", 0)]
    [TestCase("(?<!a)b", "lookaround '(?<!'", 0)]
    [TestCase(@"(a)\1", "back reference", 3)]
    [TestCase(@"(?<n>a)\k<n>", "back reference", 7)]
    [TestCase("(?i:a)", "flag", 0)]
    [TestCase("(?>a)", "flag", 0)]
    [TestCase("(?<1>a)", "identifier", 0)]
    [TestCase("(?<>a)", "identifier", 0)]
    [TestCase("(?<a>b)(?<a>c)", "second group", 7)]
    [TestCase("(?<a", "'>' is missing", 3)]
    [TestCase("a(b", "without its ')'", 1)]
    [TestCase("a)b", "')' too many", 1)]
    [TestCase("ab*+", "nothing to repeat", 3)]
    [TestCase("*", "nothing to repeat", 0)]
    [TestCase("a|?", "nothing to repeat", 2)]
    [TestCase("a{,3}", "neither {n}", 1)]
    [TestCase("a{3", "neither {n}", 1)]
    [TestCase("a{3,2}", "upside down", 1)]
    [TestCase("{3}", "'{' without a meaning", 0)]
    [TestCase("a}", "'}' without a meaning", 1)]
    [TestCase("a]", "']' without a meaning", 1)]
    [TestCase("^*", "repeated assertion", 0)]
    [TestCase(@"a\b+", "repeated assertion", 1)]
    [TestCase("[a", "ends too soon", 2)]
    [TestCase("a[z-a]", "upside down", 2)]
    [TestCase(@"[a-\d]", "set of characters", 1)]
    [TestCase(@"[\p{Zl}-z]", "set of characters", 1)]
    [TestCase(@"[\B]", @"escape '\B'", 1)]
    [TestCase(@"\q", @"escape '\q'", 0)]
    [TestCase(@"\é", @"escape '\é'", 0)]
    [TestCase("a\\", "ends too soon", 2)]
    [TestCase(@"\c1", @"'\c'", 0)]
    [TestCase(@"\x4", "2 hexadecimal digits", 0)]
    [TestCase(@"\u12g4", "4 hexadecimal digits", 0)]
    [TestCase(@"\u{}", "scalar value", 0)]
    [TestCase(@"\u{110000}", "scalar value", 0)]
    [TestCase(@"\u{D800}", "scalar value", 0)]
    [TestCase(@"\u{ffffffffffffffffffff}", "scalar value", 0)]
    [TestCase(@"\uD83D", "surrogate", 0)]
    [TestCase(@"\uD83D\u0041", "surrogate", 0)]
    [TestCase(@"\uDE00", "surrogate", 0)]
    [TestCase(@"\01", @"escape '\0'", 0)]
    [TestCase(@"\p{Script=Greek}", "Script=Greek", 0)]
    [TestCase(@"\p{Letters}", "Letters", 0)]
    [TestCase(@"\pL", "property without braces", 0)]
    public void What_is_malformed_or_not_supported_is_named_with_its_place(string pattern, string problem, int position)
    {
        UnsupportedSchemaException refused = Refusal(pattern);

        Assert.That(refused.Location, Is.EqualTo(pattern));
        Assert.That(refused.Message, Does.Contain(problem).And.Contain($"at character {position}:"));
    }

    [Test]
    public void Half_a_surrogate_pair_is_refused()
    {
        Assert.That(Refusal("a\uD83D").Message, Does.Contain("surrogate").And.Contain("at character 1:"));
        Assert.That(Refusal("[\uDE00]").Message, Does.Contain("surrogate").And.Contain("at character 1:"));
    }

    [TestCase("((a{1000}){1000}){1000}")]
    [TestCase("((){1000000000}){1000000000}")]
    [TestCase("(a?){1000000000}")]
    [TestCase("a{99999999999999999999}")]
    [TestCase("(.*a.{20})")]
    [TestCase("(.*a.{2000})")]
    [TestCase("(a{0,300}){0,300}$")]
    [TestCase("^(a?b?c?d?){3000}$")]
    public void What_takes_too_many_states_is_refused(string pattern)
        => Assert.That(Refusal(pattern + "$").Message, Does.Contain("states"));

    [Test]
    public void Deep_and_long_patterns_are_refused()
    {
        Assert.That(Refusal(new string('(', 100_000) + new string(')', 100_000)).Message, Does.Contain("200000 characters"));
        Assert.That(Refusal(new string('(', 10_000) + new string(')', 10_000)).Message, Does.Contain("deep"));
        Assert.That(
            Refusal(string.Concat(Enumerable.Range(0, 3000).Select(i => $@"[\p{{L}}{(char)(0x4E00 - i)}]"))).Message,
            Does.Contain("ranges"));
    }

    private static UnsupportedSchemaException Refusal(string pattern)
        => Assert.Throws<UnsupportedSchemaException>(() => TextLanguage.Pattern(pattern, wholeText: false))!;

    private static void Compare(string pattern, string net, IEnumerable<string> texts)
    {
        TextLanguage anywhere = TextLanguage.Pattern(pattern, wholeText: false);
        TextLanguage whole = TextLanguage.Pattern(pattern, wholeText: true);
        Regex netAnywhere = new(net, RegexOptions.NonBacktracking);
        Regex netWhole = new($@"^(?:{net})\z", RegexOptions.NonBacktracking);
        foreach (string text in texts)
        {
            if (anywhere.Accepts(text) != netAnywhere.IsMatch(text) || whole.Accepts(text) != netWhole.IsMatch(text))
            {
                Assert.Fail($"'{pattern}' on '{text}': anywhere {netAnywhere.IsMatch(text)}, whole {netWhole.IsMatch(text)} are right");
            }
        }
    }
}
