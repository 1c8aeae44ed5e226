using System.Text;
using DeepSeekEngine.Runtime;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Runtime;

public class StopSequencesTests
{
    [TestCase("one two three", "one ", "two")]
    [TestCase("two", "", "two")]
    [TestCase("one tw", "one tw", "two")]
    [TestCase("ttwo", "t", "two")]
    [TestCase("one twtwo three", "one tw", "two")]
    [TestCase("aaaab", "", "aaaa")]
    [TestCase("aabaaaab", "aa", "aaab", "aaaaX", "baaaab")]
    [TestCase("xabcd", "xa", "abcd", "bc", TestName = "{m}(the first complete, though another began earlier)")]
    [TestCase("xyabz", "x", "ab", "yab", TestName = "{m}(the longest of those complete at once)")]
    [TestCase("xyabz", "x", "yab", "ab", TestName = "{m}(the longest of those complete at once, whatever their order)")]
    [TestCase("xabz", "x", "ab", "yab")]
    [TestCase("abcx", "abcx", "abcd", "bcd", "cd")]
    [TestCase("abccd", "abc", "abcd", "bcd", "cd")]
    [TestCase("a\n\nUser: b", "a", "\n\nUser:", "\nSystem:")]
    [TestCase("Ein Satz über Ähren 🙂!", "Ein Satz über Ähren ", "🙂")]
    [TestCase("STOP", "STOP", "stop")]
    [TestCase("e\u0301", "e\u0301", "\u00e9")]
    public void Text_ends_before_the_stop_sequence(string text, string expected, params string[] sequences) =>
        Assert.That(Split(text, sequences, [text.Length]), Is.EqualTo(expected));

    [Test]
    public void Without_stop_sequences_all_text_passes() => Assert.That(Split("text", [], [2, 2]), Is.EqualTo("text"));

    [Test]
    public void Only_what_may_become_a_stop_sequence_is_held_back()
    {
        StopSequences stops = new(["###", "#end"]);
        Assert.That(stops.Append("a#").ToString(), Is.EqualTo("a"));
        Assert.That(stops.Append("b").ToString(), Is.EqualTo("#b"));
        Assert.That(stops.Append("##").ToString(), Is.Empty);
        Assert.That(stops.Append("e").ToString(), Is.EqualTo("#"));
        Assert.That(stops.Append("n").ToString(), Is.Empty);
        Assert.That(stops.Matched, Is.False);
        Assert.That(stops.Append("d").ToString(), Is.Empty);
        Assert.That(stops.Matched, Is.True);
        Assert.That(stops.Append("after").ToString(), Is.Empty);
        Assert.That(stops.Complete().ToString(), Is.Empty);
    }

    [Test]
    public void What_was_held_back_is_released_at_the_end()
    {
        StopSequences stops = new(["###"]);
        Assert.That(stops.Append("a##").ToString(), Is.EqualTo("a"));
        Assert.That(stops.Complete().ToString(), Is.EqualTo("##"));
    }

    [Test]
    public void Any_division_of_any_text_gives_what_its_definition_gives()
    {
        Random random = new(5);
        string RandomText(int length) => new([.. Enumerable.Range(0, length).Select(_ => "abc"[random.Next(3)])]);
        for (int trial = 0; trial < 3000; trial++)
        {
            string text = RandomText(random.Next(40));
            string[] sequences = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => RandomText(random.Next(1, 7)))];
            bool EndsIn(int length, string sequence) => text.AsSpan(0, length).EndsWith(sequence);
            int end = Enumerable.Range(0, text.Length + 1).FirstOrDefault(i => sequences.Any(s => EndsIn(i, s)), -1);
            string expected = end < 0 ? text : text[..(end - sequences.Where(s => EndsIn(end, s)).Max(s => s.Length))];
            int[] lengths = [.. Enumerable.Range(0, text.Length + 1).Select(_ => random.Next(6))];
            Assert.That(Split(text, sequences, lengths), Is.EqualTo(expected), $"{text}: {string.Join(", ", sequences)}");
        }
    }

    [Test]
    public void Following_a_text_allocates_nothing()
    {
        StopSequences stops = new(["abcabd", "cab"]);
        stops.Append("abcbabc");
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            stops.Append("bababc ");
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    private static string Split(string text, string[] sequences, int[] lengths)
    {
        StopSequences stops = new(sequences);
        StringBuilder output = new();
        foreach (string piece in Pieces.Of(text, lengths))
        {
            output.Append(stops.Append(piece));
        }

        output.Append(stops.Complete());
        return output.ToString();
    }
}
