using DeepSeekEngine.Tokenizer.Patterns;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Tokenizer.Patterns;

public sealed class PatternTests
{
    [TestCase("(a", "missing")]
    [TestCase("a)", "too many")]
    [TestCase("[a", "too soon")]
    [TestCase("[z-a]", "upside down")]
    [TestCase("[a-\\s]", "ends in a set")]
    [TestCase("a{3,2}", "upside down")]
    [TestCase("\\", "too soon")]
    [TestCase("\\p{L", "too soon")]
    public void A_malformed_pattern_is_named(string pattern, string problem)
        => Assert.That(() => new Pattern("the file", pattern),
            Throws.TypeOf<ModelFormatException>().With.Message.Contains(problem).And.Message.Contains($"'{pattern}'")
                .And.Property(nameof(ModelFormatException.Path)).EqualTo("the file"));

    [TestCase("a*?")]
    [TestCase("a**")]
    [TestCase("a{2}+")]
    [TestCase("a{2}?")]
    [TestCase("a{,2}")]
    [TestCase("{")]
    [TestCase("+")]
    [TestCase("(?:a?)*")]
    [TestCase("(?!a)+")]
    [TestCase("(?:ab)*+")]
    [TestCase("(?<=a)b")]
    [TestCase("(?<n>a)")]
    [TestCase("(?>a)")]
    [TestCase("(?i)a")]
    [TestCase("(?-i:a)")]
    [TestCase("(a)\\1")]
    [TestCase("\\w+")]
    [TestCase("\\bx")]
    [TestCase("\\p{Han}")]
    [TestCase("\\p{Letter}")]
    [TestCase("\\pL")]
    [TestCase("(?i:\\p{Lu})")]
    [TestCase("[[:alpha:]]")]
    [TestCase("[a&&b]")]
    [TestCase("[]a]")]
    [TestCase("\\x{110000}")]
    [TestCase("\\xZZ")]
    [TestCase("\\xE9")]
    [TestCase("a{100001}")]
    public void What_is_not_supported_is_refused(string pattern)
        => Assert.That(() => new Pattern("the file", pattern),
            Throws.TypeOf<UnsupportedModelException>().With.Message.Contains($"'{pattern}'")
                .And.Property(nameof(UnsupportedModelException.Path)).EqualTo("the file"));

    [Test]
    public void A_pattern_that_is_too_long_too_deep_or_too_large_is_refused()
    {
        Assert.That(() => new Pattern("f", new string('a', 100_000)), Throws.TypeOf<UnsupportedModelException>());
        Assert.That(() => new Pattern("f", new string('(', 10_000)), Throws.TypeOf<UnsupportedModelException>());
        Assert.That(() => new Pattern("f", "(?:(?:(?:ab){1000}){1000}){1000}"), Throws.TypeOf<UnsupportedModelException>());
        Assert.That(() => new Pattern("f", "(?:a|b){0,100000}"), Throws.TypeOf<UnsupportedModelException>());
    }

    [TestCase("(?:a|a)+b")]
    [TestCase("(?:a|aa)+$|a+b")]
    [TestCase("(?:(?:a|a)+b|c)+d")]
    [TestCase("(?:(?=a*b)|(?:a|a)+)b")]
    public void A_pattern_that_explodes_is_given_up_on(string pattern)
    {
        string text = new string('a', 2_000) + "!";
        PatternMatcher matcher = new(new Pattern("the file", pattern));
        matcher.Begin(text.Length);

        Assert.That(() => MatchAll(matcher, text),
            Throws.TypeOf<UnsupportedModelException>().With.Message.Contains($"'{pattern}'").And.Message.Contains("steps"));
    }

    [TestCase("(?:ab?)+")]
    [TestCase("(?:a|b)+c|(?:a|b)+")]
    [TestCase("a*a*a*")]
    [TestCase("(?:(?!b)a)+")]
    public void A_million_characters_do_not_exhaust_the_stack(string pattern)
    {
        string text = new('a', 1_000_000);
        PatternMatcher matcher = new(new Pattern("f", pattern));
        matcher.Begin(text.Length);

        Assert.That(matcher.Match(text, 0), Is.EqualTo(text.Length));
    }

    // What follows a loop fails at every place of a run of n: tried again from each of them that would be n² steps.
    [TestCase("a+$")]
    [TestCase("a*$")]
    [TestCase("a+a+$")]
    [TestCase("a?a+$")]
    [TestCase("x|a+\\s|a*b")]
    [TestCase("a++$")]
    [TestCase("(?=a+$)a")]
    [TestCase("(?:b|a+)$")]
    [TestCase("(?:a+)+b")]
    [TestCase("(?:(?:a+)+b|c)+d")]
    public void A_loop_that_fails_from_every_start_takes_steps_in_proportion_to_the_text(string pattern)
    {
        long once = Steps(10_000);
        long twice = Steps(20_000);

        Assert.That(twice, Is.InRange(20_000, (2 * once) + 1000));

        long Steps(int length)
        {
            string text = new string('a', length) + "!";
            PatternMatcher matcher = new(new Pattern("f", pattern));
            matcher.Begin(text.Length);
            MatchAll(matcher, text);
            return matcher.Steps;
        }
    }

    // The second loop runs over the run of the first one, from other places and in another order than the first.
    [TestCase("a+b?a+c|a", "aaaaabaaaab", 1)]
    [TestCase("a+b?a+b", "aaaaabaaaab", 11)]
    [TestCase("(?:a+b)+c|a+", "aabaabaa", 2)]
    [TestCase("(?:a+b?)+c|.", "aabaabaabc", 10)]
    [TestCase("a*(?!a*c)a*b", "aaaab", 5)]
    [TestCase("\\S+\\s*(?=x)", "ab  x", 4)]
    public void Remembered_failures_do_not_hide_a_match(string pattern, string text, int end)
    {
        PatternMatcher matcher = new(new Pattern("f", pattern));
        matcher.Begin(text.Length);

        Assert.That(matcher.Match(text, 0), Is.EqualTo(end));
    }

    private static void MatchAll(PatternMatcher matcher, string text)
    {
        for (int start = 0; start < text.Length; start++)
        {
            matcher.Match(text, start);
        }
    }
}
