using System.Text;
using DeepSeekEngine.Runtime;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Runtime;

public class ThinkSplitterTests
{
    [TestCase("<think>why</think>because", "why", "because")]
    [TestCase("<think>\nwhy\n</think>\n\nbecause", "why", "because")]
    [TestCase("<think>\r\nwhy\r\n</think>\r\n\r\nbecause", "why", "because")]
    [TestCase(" \n\t<think>why</think>because", "why", "because", TestName = "{m}(space before the opening tag)")]
    [TestCase("<think>\n\n</think>\n\nbecause", "", "because", TestName = "{m}(no thoughts)")]
    [TestCase("<think></think>", "", "")]
    [TestCase("<think>  why  </think>  because  ", "  why  ", "  because  ", TestName = "{m}(spaces are text)")]
    [TestCase("<think>a\n\nb\n \n</think>\n \nc\n\nd\n", "a\n\nb\n ", " \nc\n\nd\n", TestName = "{m}(newlines elsewhere are text)")]
    [TestCase("<think>why\n\n", "why\n\n", "", TestName = "{m}(no closing tag)")]
    [TestCase("<think>why\n</thin", "why\n</thin", "", TestName = "{m}(half a closing tag)")]
    [TestCase("<think>a</thing></ think><</</think>b", "a</thing></ think><</", "b", TestName = "{m}(what looks like a closing tag)")]
    [TestCase("<think>a\n</th\n<\n\n</think>b", "a\n</th\n<", "b", TestName = "{m}(newlines around what looks like a tag)")]
    [TestCase("<think>a<think>b</think>c", "a<think>b", "c", TestName = "{m}(opening tag in the reasoning)")]
    [TestCase("<think>a</think>b<think>c</think>\nd", "a", "b<think>c</think>\nd", TestName = "{m}(tags in the answer)")]
    [TestCase("<think>a</think><think>c", "a", "<think>c", TestName = "{m}(opening tag after the closing one)")]
    [TestCase("because", "", "because")]
    [TestCase(" \n because\n", "", " \n because\n", TestName = "{m}(space before an answer alone)")]
    [TestCase(" \n", "", " \n", TestName = "{m}(space alone)")]
    [TestCase("", "", "")]
    [TestCase(" <thin", "", " <thin", TestName = "{m}(half an opening tag)")]
    [TestCase(" <thing>a</think>", "", " <thing>a</think>", TestName = "{m}(what looks like an opening tag)")]
    [TestCase("<<think>a</think>b", "", "<<think>a</think>b", TestName = "{m}(text before the opening tag)")]
    public void A_response_is_split(string text, string reasoning, string answer) =>
        Assert.That(Split(text, startsInReasoning: false, [text.Length]), Is.EqualTo((reasoning, answer)));

    [TestCase("why</think>because", "why", "because")]
    [TestCase("\nwhy\n</think>\nbecause", "why", "because")]
    [TestCase("\n\n</think>\n\nbecause", "", "because")]
    [TestCase("</think>because", "", "because")]
    [TestCase(" why", " why", "")]
    [TestCase("\n", "", "")]
    [TestCase("<think>why</think>because", "<think>why", "because")]
    public void A_response_whose_prompt_opened_the_reasoning_is_split(string text, string reasoning, string answer) =>
        Assert.That(Split(text, startsInReasoning: true, [text.Length]), Is.EqualTo((reasoning, answer)));

    [Test]
    public void Any_division_of_a_response_gives_the_same_parts()
    {
        string[] fragments =
        [
            "<think>", "</think>", "<", "</", "</thi", "think>", ">", "\n", "\n\n", "\r\n", " ", "a", "because\nof", "<th", "</think", "/",
        ];
        Random random = new(3);
        for (int trial = 0; trial < 5000; trial++)
        {
            bool startsInReasoning = random.Next(2) == 0;
            string text = string.Concat(Enumerable.Range(0, random.Next(14)).Select(_ => fragments[random.Next(fragments.Length)]));
            int[] lengths = [.. Enumerable.Range(0, text.Length + 1).Select(_ => random.Next(9))];
            (string reasoning, string answer) expected = SplitByDefinition(text, startsInReasoning);
            Assert.That(Split(text, startsInReasoning, lengths), Is.EqualTo(expected), $"{startsInReasoning}: {text}");
        }
    }

    [Test]
    public void Only_what_may_become_a_tag_is_held_back()
    {
        ThinkSplitter splitter = new(startsInReasoning: false);
        Assert.That(Append(splitter, "\n<thi"), Is.EqualTo((string.Empty, string.Empty)));
        Assert.That(splitter.InReasoning, Is.False);
        Assert.That(Append(splitter, "nk>"), Is.EqualTo((string.Empty, string.Empty)));
        Assert.That(splitter.InReasoning, Is.True);
        Assert.That(Append(splitter, "\nwhy\n"), Is.EqualTo(("why", string.Empty)));
        Assert.That(Append(splitter, "not"), Is.EqualTo(("\nnot", string.Empty)));
        Assert.That(Append(splitter, "</"), Is.EqualTo((string.Empty, string.Empty)));
        Assert.That(Append(splitter, "b>\n"), Is.EqualTo(("</b>", string.Empty)));
        Assert.That(splitter.InReasoning, Is.True);
        Assert.That(Append(splitter, "</think>\n"), Is.EqualTo((string.Empty, string.Empty)));
        Assert.That(splitter.InReasoning, Is.False);
        Assert.That(Append(splitter, "\nbecause\n<"), Is.EqualTo((string.Empty, "because\n<")));
    }

    [Test]
    public void One_piece_may_have_both_parts()
    {
        ThinkSplitter splitter = new(startsInReasoning: true);
        Assert.That(Append(splitter, "why</think>because"), Is.EqualTo(("why", "because")));
    }

    [Test]
    public void A_closing_tag_forced_within_another_closes()
    {
        ThinkSplitter splitter = new(startsInReasoning: true);
        Assert.That(Append(splitter, "why</thi"), Is.EqualTo(("why", string.Empty)));
        Assert.That(Append(splitter, "</think>"), Is.EqualTo(("</thi", string.Empty)));
        Assert.That(splitter.InReasoning, Is.False);
    }

    [Test]
    public void Following_a_response_allocates_nothing()
    {
        ThinkSplitter splitter = new(startsInReasoning: true);
        splitter.Append("a\n</th</think>b<");
        splitter = new ThinkSplitter(startsInReasoning: true);
        splitter.Append("a\n</th");
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            splitter.Append("b\n</th");
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    private static (string Reasoning, string Answer) Append(ThinkSplitter splitter, string text)
    {
        splitter.Append(text);
        return (splitter.Reasoning.ToString(), splitter.Answer.ToString());
    }

    private static (string Reasoning, string Answer) Split(string text, bool startsInReasoning, int[] lengths)
    {
        ThinkSplitter splitter = new(startsInReasoning);
        StringBuilder reasoning = new();
        StringBuilder answer = new();
        foreach (string piece in Pieces.Of(text, lengths))
        {
            splitter.Append(piece);
            reasoning.Append(splitter.Reasoning);
            answer.Append(splitter.Answer);
        }

        splitter.Complete();
        return (reasoning.Append(splitter.Reasoning).ToString(), answer.Append(splitter.Answer).ToString());
    }

    private static (string Reasoning, string Answer) SplitByDefinition(string text, bool startsInReasoning)
    {
        string trimmed = text.TrimStart();
        if (!startsInReasoning)
        {
            if (!trimmed.StartsWith("<think>", StringComparison.Ordinal))
            {
                return (string.Empty, text);
            }

            text = trimmed["<think>".Length..];
        }

        string[] parts = text.Split("</think>", 2);
        return parts.Length == 1
            ? (text.TrimStart('\r', '\n'), string.Empty)
            : (parts[0].Trim('\r', '\n'), parts[1].TrimStart('\r', '\n'));
    }
}
