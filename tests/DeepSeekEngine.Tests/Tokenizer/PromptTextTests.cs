using DeepSeekEngine.Tokenizer;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Tokenizer;

public sealed class PromptTextTests
{
    [Test]
    public void Neighbouring_runs_of_equal_trust_are_one()
    {
        PromptText text = PromptText.Trusted("ab") + PromptText.Trusted("c")
            + PromptText.Untrusted("d") + PromptText.Untrusted("") + PromptText.Trusted("e");

        Assert.That(text.Text, Is.EqualTo("abcde"));
        Assert.That(text.Runs.ToArray(), Is.EqualTo((PromptRun[])[new(3, true), new(4, false), new(5, true)]));
    }

    [Test]
    public void A_slice_keeps_the_trust_of_each_character()
    {
        PromptText text = PromptText.Trusted("abc") + PromptText.Untrusted("def") + PromptText.Trusted("ghi");

        Assert.That(Marked(text.Slice(2, 5)), Is.EqualTo("CdefG"));
        Assert.That(Marked(text.Slice(3, 3)), Is.EqualTo("def"));
        Assert.That(text.Slice(4, 0).Runs.Length, Is.Zero);
    }

    /// <summary>Trusted letters in upper case, others in lower case.</summary>
    internal static string Marked(PromptText text)
    {
        char[] letters = text.Text.ToCharArray();
        int start = 0;
        foreach (PromptRun run in text.Runs)
        {
            for (int i = start; i < run.End; i++)
            {
                letters[i] = run.Trusted ? char.ToUpperInvariant(letters[i]) : char.ToLowerInvariant(letters[i]);
            }

            start = run.End;
        }

        return new string(letters);
    }
}
