using DeepSeekEngine.Constraints;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Constraints;

[Parallelizable(ParallelScope.Self)]
public sealed class TextLanguageTests
{
    private const string Alphabet = "ab\U0001F600";

    private static readonly string[] s_texts = [.. Texts.UpTo(5, Alphabet)];

    [Test]
    public void Any_accepts_every_text_and_no_surrogate()
    {
        TextLanguage any = TextLanguage.Any;

        Assert.That(s_texts.All(any.Accepts));
        Assert.That(any.StateCount, Is.EqualTo(1));
        Assert.That(any.Next(any.Start, 0xD800), Is.EqualTo(TextLanguage.Dead));
        Assert.That(any.Next(any.Start, 0xDFFF), Is.EqualTo(TextLanguage.Dead));
        Assert.That(any.Next(any.Start, 0xD7FF), Is.EqualTo(any.Start));
        Assert.That(any.Next(any.Start, 0xE000), Is.EqualTo(any.Start));
        Assert.That(any.Next(any.Start, 0x10FFFF), Is.EqualTo(any.Start));
        Assert.That(any.CanContinue(any.Start));
        Assert.That(any.CountFrom(any.Start, 1000), Is.EqualTo(1000));
    }

    [TestCase(0, 0)]
    [TestCase(0, 3)]
    [TestCase(2, 4)]
    [TestCase(3, 3)]
    [TestCase(0, null)]
    [TestCase(2, null)]
    public void Length_counts_scalar_values(int min, int? max)
    {
        TextLanguage language = TextLanguage.Length(min, max);

        foreach (string text in s_texts)
        {
            int length = text.EnumerateRunes().Count();
            Assert.That(language.Accepts(text), Is.EqualTo(length >= min && length <= (max ?? int.MaxValue)), text);
        }
    }

    [Test]
    public void Length_that_nothing_has_is_empty()
    {
        TextLanguage language = TextLanguage.Length(3, 2);

        Assert.That(language.IsEmpty);
        Assert.That(language.Start, Is.EqualTo(TextLanguage.Dead));
        Assert.That(language.StateCount, Is.Zero);
    }

    [Test]
    public void Usual_limits_of_length_are_supported_and_absurd_ones_are_refused()
    {
        TextLanguage language = TextLanguage.Length(0, 65_535);

        Assert.That(language.StateCount, Is.EqualTo(65_536));
        Assert.That(Refusal(() => TextLanguage.Length(0, 1_000_000_000)), Does.Contain("1000000000").And.Contain("states"));
        Assert.That(Refusal(() => TextLanguage.Length(int.MaxValue, null)), Does.Contain("states"));
    }

    [Test]
    public void Literals_accept_themselves_and_share_what_they_end_with()
    {
        string[] literals = ["", "a", "ab", "aba", "b\U0001F600", "b\U0001F600a", "ab"];
        TextLanguage language = TextLanguage.Literals(literals);

        foreach (string text in s_texts)
        {
            Assert.That(language.Accepts(text), Is.EqualTo(literals.Contains(text)), text);
        }

        Assert.That(language.CountFrom(language.Start, 100), Is.EqualTo(6));
        Assert.That(language.CountFrom(language.Start, 5), Is.EqualTo(5));
        Assert.That(TextLanguage.Literals(["monday", "friday"]).StateCount, Is.EqualTo(9));
        Assert.That(TextLanguage.Literals([]).IsEmpty);
    }

    [Test]
    public void Large_and_hostile_choices_of_literals()
    {
        string[] words = [.. Enumerable.Range(0, 5000).Select(i => $"word-{i * 7919}")];
        TextLanguage language = TextLanguage.Literals(words);

        Assert.That(words.All(language.Accepts));
        Assert.That(language.CountFrom(language.Start, long.MaxValue), Is.EqualTo(words.Length));
        Assert.That(Refusal(() => TextLanguage.Literals([new string('a', 1_000_000)])), Does.Contain("literals").And.Contain("states"));
        Assert.That(
            Refusal(() => TextLanguage.Literals(Enumerable.Range(0x4E00, 20_000).Select(c => new string((char)c, 3)))),
            Does.Contain("literals"));
    }

    [Test]
    public void Literal_with_half_a_surrogate_pair_is_refused()
    {
        // Attributes cannot hold such texts.
        foreach (string literal in (string[])["a\uD800", "\uDC00a", "\uDC00\uD800"])
        {
            Assert.That(Refusal(() => TextLanguage.Literals([literal])), Does.Contain("surrogate"));
        }
    }

    [Test]
    public void Random_combinations_are_what_sets_of_texts_say()
    {
        Random random = new(1);
        for (int round = 0; round < 300; round++)
        {
            (TextLanguage left, Func<string, bool> inLeft) = RandomLanguage(random);
            (TextLanguage right, Func<string, bool> inRight) = RandomLanguage(random);
            TextLanguage both = left.Intersect(right);
            TextLanguage difference = left.Except(right);
            TextLanguage either = left.Union(right);
            foreach (string text in s_texts)
            {
                Assert.That(both.Accepts(text), Is.EqualTo(inLeft(text) && inRight(text)), text);
                Assert.That(difference.Accepts(text), Is.EqualTo(inLeft(text) && !inRight(text)), text);
                Assert.That(either.Accepts(text), Is.EqualTo(inLeft(text) || inRight(text)), text);
            }

            // A smallest automaton has no state too many: taken apart and put together again it is as small.
            Assert.That(both.Union(difference).StateCount, Is.EqualTo(left.StateCount));
        }
    }

    [Test]
    public void Texts_are_counted_from_every_state()
    {
        Random random = new(2);
        for (int round = 0; round < 100; round++)
        {
            string[] literals = [.. Enumerable.Range(0, random.Next(1, 12)).Select(_ => Texts.Random(random, 4, Alphabet)).Distinct()];
            TextLanguage language = TextLanguage.Literals(literals);
            foreach (string prefix in Texts.UpTo(4, Alphabet))
            {
                int state = language.StateAfter(prefix);
                int expected = literals.Count(literal => literal.StartsWith(prefix, StringComparison.Ordinal));
                Assert.That(state == TextLanguage.Dead ? 0 : language.CountFrom(state, 1000), Is.EqualTo(expected), prefix);
                if (state != TextLanguage.Dead)
                {
                    bool longer = literals.Any(
                        literal => literal.Length > prefix.Length && literal.StartsWith(prefix, StringComparison.Ordinal));
                    Assert.That(language.CanContinue(state), Is.EqualTo(longer), prefix);
                }
            }
        }
    }

    [Test]
    public void Counts_are_exact_below_the_limit_and_saturate_at_it()
    {
        // 1,112,064 scalar values: 17 * 65,536 code points without 2,048 surrogates.
        const long Scalars = 1_112_064;
        TextLanguage three = TextLanguage.Length(0, 3);
        TextLanguage four = TextLanguage.Length(4, 4);
        TextLanguage endless = TextLanguage.Pattern("a*b", wholeText: true);

        Assert.That(
            three.CountFrom(three.Start, long.MaxValue),
            Is.EqualTo(1 + Scalars + (Scalars * Scalars) + (Scalars * Scalars * Scalars)));
        Assert.That(four.CountFrom(four.Start, long.MaxValue), Is.EqualTo(long.MaxValue));
        Assert.That(four.CountFrom(four.Start, 12), Is.EqualTo(12));
        Assert.That(endless.CountFrom(endless.Start, 12), Is.EqualTo(12));
        Assert.That(endless.CountFrom(endless.StateAfter("aab"), 12), Is.EqualTo(1));
        Assert.That(endless.CanContinue(endless.StateAfter("aab")), Is.False);
    }

    [Test]
    public void Combination_of_too_many_states_is_refused()
    {
        TextLanguage left = TextLanguage.Pattern("(.{997})*", wholeText: true);
        TextLanguage right = TextLanguage.Pattern("(.{991})*", wholeText: true);

        Assert.That(Refusal(() => left.Intersect(right)), Does.Contain("combination").And.Contain("states"));
    }

    [Test]
    public void Long_cycles_are_minimized()
    {
        // Six copies of a cycle of 2,000, which are told from one another by nothing.
        Assert.That(TextLanguage.Pattern("(a{12000})*|(a{2000})*", wholeText: true).StateCount, Is.EqualTo(2000));
    }

    /// <summary>A language and what it accepts, said in another way.</summary>
    private static (TextLanguage Language, Func<string, bool> Contains) RandomLanguage(Random random)
    {
        switch (random.Next(3))
        {
            case 0:
                string[] literals = [.. Enumerable.Range(0, random.Next(1, 12)).Select(_ => Texts.Random(random, 5, Alphabet))];
                return (TextLanguage.Literals(literals), literals.Contains);
            case 1:
                int min = random.Next(4);
                int? max = random.Next(3) == 0 ? null : min + random.Next(3);
                return (TextLanguage.Length(min, max),
                    text => text.EnumerateRunes().Count() is int length && length >= min && length <= (max ?? int.MaxValue));
            default:
                string part = Texts.Random(random, 2, Alphabet);
                return (TextLanguage.Pattern(part, wholeText: false), text => text.Contains(part, StringComparison.Ordinal));
        }
    }

    private static string Refusal(Action make) => Assert.Throws<UnsupportedSchemaException>(make)!.Message;
}
