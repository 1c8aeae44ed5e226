using DeepSeekEngine.Constraints;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Constraints;

/// <summary>What grammars are put together from.</summary>
public class GrammarTests
{
    [TestCase("yes", true)]
    [TestCase("no", true)]
    [TestCase("yesterday", true)]
    [TestCase("ye", false)]
    [TestCase("yes!", false)]
    public void A_choice_is_one_of_its_texts(string text, bool isAllowed)
        => Check(Grammar.Choice(["yes", "no", "yesterday"]), text, isAllowed);

    [TestCase("2024-05", true)]
    [TestCase("é-05", false)]
    [TestCase("2024-05-", false)]
    public void A_pattern_is_the_whole_text(string text, bool isAllowed) => Check(Grammar.Pattern(@"\d{4}-\d\d"), text, isAllowed);

    [Test]
    public void An_answer_must_end_where_nothing_follows()
    {
        var matcher = Vocabularies.Tiny.Begin(Grammar.Choice(["a", "ab"]));
        Assert.That((matcher.MayEnd, matcher.MustEnd), Is.EqualTo((false, false)));
        matcher.Accept(Vocabularies.Tiny.ByteTokens['a']);
        Assert.That((matcher.MayEnd, matcher.MustEnd), Is.EqualTo((true, false)));
        matcher.Accept(Vocabularies.Tiny.ByteTokens['b']);
        Assert.That((matcher.MayEnd, matcher.MustEnd), Is.EqualTo((true, true)));
        Assert.That(TokenMask.Tokens(matcher.Allowed()), Is.EqualTo(new[] { Vocabularies.Tiny.End }));
    }

    [TestCase("<a>", true)]
    [TestCase("<a><a>", true)]
    [TestCase("<a><a><a>", false)]
    [TestCase("", false)]
    [TestCase("<a>x", false)]
    public void Items_repeat(string text, bool isAllowed) => Check(Grammar.Repeat(Grammar.Text("<a>"), 1, 2), text, isAllowed);

    [TestCase("", true)]
    [TestCase("ababab", true)]
    [TestCase("aba", false)]
    public void Items_repeat_without_end(string text, bool isAllowed) => Check(Grammar.Repeat(Grammar.Text("ab"), 0, null), text, isAllowed);

    [TestCase("x: 1", true)]
    [TestCase("some text, x: {\"a\": 2}", true)]
    [TestCase("some text", false)]
    [TestCase("日本x: []", true)]
    public void Any_text_may_come_before(string text, bool isAllowed)
        => Check(Grammar.Sequence(Grammar.AnyText, Grammar.Text("x:"), Grammar.Text(""), Grammar.Json()), text, isAllowed);

    [Test]
    public void A_token_is_not_its_text()
    {
        var vocabulary = Vocabularies.Real;
        var token = vocabulary.Tokenizer.FindToken("</think>")!.Value;
        var call = Grammar.Sequence(Grammar.AnyText, Grammar.Token(token), Grammar.AnyOf(Grammar.Json(), Grammar.Token(token)));
        var matcher = vocabulary.Begin(call);
        foreach (var part in vocabulary.Tokenizer.Encode("</think>", parseAddedTokens: false))
        {
            matcher.Accept(part);
        }

        Assert.That(matcher.MayEnd, Is.False);
        Assert.That(TokenMask.Contains(matcher.Allowed(), token), Is.True);
        matcher.Accept(token);
        Assert.That(TokenMask.Contains(matcher.Allowed(), token), Is.True);
        Assert.That(matcher.Allows(token), Is.True);
        matcher.Accept(token);
        Assert.That(matcher.MustEnd, Is.True);
    }

    [Test]
    public void Added_tokens_are_never_text()
    {
        var allowed = Vocabularies.Real.Begin(Grammar.AnyText).Allowed();
        Assert.That(TokenMask.Contains(allowed, Vocabularies.Real.Tokenizer.FindToken("<think>")!.Value), Is.False);
        Assert.That(TokenMask.Contains(allowed, Vocabularies.Real.End), Is.True);
    }

    [Test]
    public void What_makes_no_grammar_is_refused()
    {
        Assert.That(() => Grammar.Choice([]), Throws.ArgumentException);
        Assert.That(() => Grammar.AnyOf(), Throws.ArgumentException);
        Assert.That(() => Grammar.Repeat(Grammar.AnyText, 0, null), Throws.ArgumentException);
        Assert.That(() => Grammar.Repeat(Grammar.Text("a"), 2, 1), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => Grammar.Pattern("[^\\s\\S]"), Throws.TypeOf<UnsupportedSchemaException>());
        Assert.That(() => Vocabularies.Tiny.Begin(Grammar.Token(1_000_000)), Throws.ArgumentException);
        Assert.That(() => new Matcher(Grammar.AnyText, Vocabularies.Tiny.Tokens, []), Throws.ArgumentException);
    }

    [Test]
    public void Tokens_beyond_the_logits_are_not_accepted([Values(-1, 1_000_000, int.MaxValue)] int token)
        => Assert.That(() => Vocabularies.Tiny.Begin(Grammar.AnyText).Accept(token), Throws.InvalidOperationException);

    [Test]
    public void Vocabularies_that_cannot_spell_are_refused()
        => Assert.That(() => new TokenVocabulary(Vocabularies.Tiny.Tokenizer, 100), Throws.ArgumentException);

    private static void Check(Grammar grammar, string text, bool isAllowed)
    {
        foreach (var vocabulary in new[] { Vocabularies.Real, Vocabularies.Tiny })
        {
            Assert.That(AcceptanceTests.Refusal(grammar, vocabulary, text), isAllowed ? Is.Null : Is.Not.Null);
        }
    }
}
