using DeepSeekEngine.Constraints;
using DeepSeekEngine.Runtime;
using DeepSeekEngine.Tests.Constraints;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Runtime;

public sealed class AnswerConstraintTests
{
    private static readonly int Opening = Vocabularies.Tiny.Tokenizer.FindToken(ThinkSplitter.OpeningTag)!.Value;
    private static readonly int Closing = Vocabularies.Tiny.Tokenizer.FindToken(ThinkSplitter.ClosingTag)!.Value;
    private static readonly int Newline = Vocabularies.Tiny.ByteTokens['\n'];
    private static readonly int Letter = Vocabularies.Tiny.ByteTokens['a'];
    private static readonly int Digit = Vocabularies.Tiny.ByteTokens['7'];
    private static readonly int End = Vocabularies.Tiny.End;

    [Test]
    public void Reasoning_is_free_and_what_follows_its_end_is_held()
    {
        var constraint = Begin(startsInReasoning: true);
        Assert.That((constraint.Applies, constraint.Allows(Letter)), Is.EqualTo((false, true)));
        Assert.That(constraint.Append(Letter), Is.True);
        Assert.That(constraint.Append(Closing), Is.False);
        Assert.That((constraint.Closed, constraint.InReasoning, constraint.InAnswer), Is.EqualTo((1, false, false)));
        Assert.That(constraint.Append(Newline), Is.False);
        Assert.That((constraint.Applies, constraint.InAnswer), Is.EqualTo((true, true)));
        AssertOnlyDigits(constraint, alsoAllowed: []);
    }

    [Test]
    public void A_response_does_not_end_in_its_reasoning()
    {
        var constraint = Begin(startsInReasoning: true);
        Assert.That(constraint.Steer(End), Is.EqualTo(Closing));
        Assert.That(constraint.Steer(Letter), Is.EqualTo(Letter));
        constraint.Append(Closing);
        constraint.Append(Newline);
        constraint.Append(Digit);
        Assert.That(constraint.Steer(End), Is.EqualTo(End));
    }

    [Test]
    public void The_first_token_opens_the_reasoning_or_begins_the_answer()
    {
        AssertOnlyDigits(Begin(), alsoAllowed: [Opening]);

        var thinking = Begin();
        Assert.That(thinking.Append(Opening), Is.False);
        Assert.That((thinking.InReasoning, thinking.Applies), Is.EqualTo((true, false)));

        var answering = Begin();
        Assert.That(answering.Append(Digit), Is.True);
        Assert.That(answering.InAnswer);
        Assert.That((answering.Allows(Opening), answering.Allows(End), answering.MustEnd), Is.EqualTo((false, true, false)));
        answering.Append(Digit);
        Assert.That(answering.MustEnd);
    }

    [Test]
    public void A_model_that_is_not_to_think_answers_at_once()
    {
        var constraint = Begin(mayThink: false);
        Assert.That(constraint.InAnswer);
        AssertOnlyDigits(constraint, alsoAllowed: []);
    }

    private static AnswerConstraint Begin(bool startsInReasoning = false, bool mayThink = true)
        => new(
            Vocabularies.Tiny.Begin(Grammar.Pattern("[0-9]{1,2}")), [End], [Closing, Newline], mayThink ? Opening : null, startsInReasoning);

    private static void AssertOnlyDigits(AnswerConstraint constraint, int[] alsoAllowed)
    {
        var logits = new float[Vocabularies.Tiny.Tokens.Size];
        constraint.Apply(logits);
        for (var token = 0; token < logits.Length; token++)
        {
            var text = Vocabularies.Tiny.Tokenizer.Decode([token], skipSpecial: false);
            var isAllowed = alsoAllowed.Contains(token) || (text.Length is 1 or 2 && text.All(char.IsAsciiDigit));
            Assert.That((logits[token], constraint.Allows(token)), Is.EqualTo((isAllowed ? 0 : float.NegativeInfinity, isAllowed)), text);
        }
    }
}
