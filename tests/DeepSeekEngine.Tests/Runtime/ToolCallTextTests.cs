using System.Threading.Channels;
using DeepSeekEngine.Runtime;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Tokenizer;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Runtime;

/// <summary>Calls found in the tokens of a response.</summary>
public sealed class ToolCallTextTests
{
    private const string Calls = "<｜tool▁calls▁begin｜>";
    private const string EndOfCalls = "<｜tool▁calls▁end｜>";
    private const string Call = "<｜tool▁call▁begin｜>";
    private const string EndOfCall = "<｜tool▁call▁end｜>";
    private const string Separator = "<｜tool▁sep｜>";

    private static readonly DeepSeekTokenizer Tokenizer = DeepSeekTokenizer.Load(TestPaths.TinyR1);

    /// <summary>A response, its reasoning, its answer, and the name and arguments of its calls, one after the other.</summary>
    private static IEnumerable<TestCaseData> Responses()
    {
        yield return Case("none", "An answer.", "An answer.");
        yield return Case(
            "fenced", $"{Calls}{Call}function{Separator}add\n```json\n{{\"a\": 1}}\n```{EndOfCall}{EndOfCalls}", "", "add", """{"a": 1}""");
        yield return Case("bare", $"{Calls}{Call}add{Separator}{{\"a\": 1}}{EndOfCall}{EndOfCalls}", "", "add", """{"a": 1}""");
        yield return Case(
            "several", $"{Calls}{Call}function{Separator}a\n```json\n{{}}\n```{EndOfCall}\n{Call}function{Separator}b\n```json\n[1]\n```{EndOfCall}{EndOfCalls}",
            "", "a", "{}", "b", "[1]");
        yield return Case(
            "after an answer", $"I look.\n\n{Calls}{Call}a{Separator}{{}}{EndOfCall}{EndOfCalls}", "I look.\n\n", "a", "{}");
        yield return Case(
            "text after them", $"{Calls}{Call}a{Separator}{{}}{EndOfCall}{EndOfCalls} and more", "", "a", "{}");
        yield return Case("no fence", $"{Calls}{Call}function{Separator}a\n{{\"b\": 2}}\n{EndOfCall}{EndOfCalls}", "", "a", """{"b": 2}""");
        yield return Case("no line break", $"{Calls}{Call}function{Separator}a{{\"b\": 2}}{EndOfCall}", "", "a", """{"b": 2}""");
        yield return Case("no label", $"{Calls}{Call}function{Separator}a```{{\"b\": 2}}```{EndOfCall}", "", "a", """{"b": 2}""");
        yield return Case(
            "more space", $" {Calls} \n{Call} function\n{Separator}\n a \n\n```json \n {{\"b\": 2}} \n\n ``` \n{EndOfCall}\n \n{EndOfCalls}", " ",
            "a", """{"b": 2}""");
        yield return Case(
            "a separator on either side", $"{Calls}{Call}function{Separator}a{Separator}\n{{}}{EndOfCall}{EndOfCalls}", "", "a", "{}");
        yield return Case("no beginning", $"So: {Call}function{Separator}a\n```json\n{{}}\n```{EndOfCall}", "So: ", "a", "{}");
        yield return Case(
            "no ends", $"{Calls}{Call}function{Separator}a\n```json\n{{}}\n```\n{Call}function{Separator}b\n```json\n{{}}\n```{EndOfCalls}", "",
            "a", "{}", "b", "{}");
        yield return Case("no arguments", $"{Calls}{Call}function{Separator}a{EndOfCall}{EndOfCalls}", "", "a", "{}");
        yield return Case("an empty fence", $"{Calls}{Call}function{Separator}a\n```json\n\n```{EndOfCall}{EndOfCalls}", "", "a", "{}");
        yield return Case(
            "fences in arguments", $"{Calls}{Call}function{Separator}a\n```json\n{{\"b\": \"``` ``\n```\", \"c`\": 1}}\n```{EndOfCall}", "", "a",
            "{\"b\": \"``` ``\n```\", \"c`\": 1}");
        yield return Case("fences without one", $"{Calls}{Call}a{Separator}{{\"b\": \"```\"}} ``{EndOfCall}", "", "a", "{\"b\": \"```\"} ``");
        yield return Case("no JSON", $"{Calls}{Call}function{Separator}a\n```json\nb, é 😀 {{\n```{EndOfCall}{EndOfCalls}", "", "a", "b, é 😀 {");
        yield return Case("a separator in arguments", $"{Calls}{Call}a{Separator}{{{Separator}}}{EndOfCall}", "", "a", $"{{{Separator}}}");
        yield return Case("truncated arguments", $"{Calls}{Call}function{Separator}a\n```json\n{{\"b\": \"c", "", "a", "{\"b\": \"c");
        yield return Case("a truncated fence", $"{Calls}{Call}function{Separator}a\n```json\n{{}}\n``", "", "a", "{}");
        yield return Case("a truncated name", $"{Calls}{Call}function{Separator}ad", $"{Calls}{Call}function{Separator}ad");
        yield return Case("no name", $"{Calls}{Call}{Separator}{{}}{EndOfCall}{EndOfCalls}.", $"{Calls}{Call}{Separator}{{}}{EndOfCall}{EndOfCalls}.");
        yield return Case("no separator", $"{Calls}{Call}add(1){EndOfCall}{EndOfCalls}", $"{Calls}{Call}add(1){EndOfCall}{EndOfCalls}");
        yield return Case("no call", $"{Calls}{EndOfCalls}", $"{Calls}{EndOfCalls}");
        yield return Case("text for a call", $"{Calls} none{Call}a{Separator}{{}}{EndOfCall}{EndOfCalls}", $"{Calls} none", "a", "{}");
        yield return Case(
            "one without a separator among others", $"{Calls}{Call}a{Separator}{{}}{EndOfCall}{Call}b{Call}c{Separator}{{}}{EndOfCall}{EndOfCalls}",
            $"{Call}b", "a", "{}", "c", "{}");
        yield return Case("markers alone", $"{Separator}{EndOfCall}{EndOfCalls}", $"{Separator}{EndOfCall}{EndOfCalls}");
        yield return Case("after reasoning", $"<think>\nHm.\n</think>\n\n{Calls}{Call}a{Separator}{{}}{EndOfCall}{EndOfCalls}", "", "a", "{}");
        yield return Case(
            "in the reasoning", $"<think>{Call}a{Separator}{{}}{EndOfCall}</think>No.", "No.");
        yield return Case("before the reasoning", $"<th{Calls}{Call}a{Separator}{{}}{EndOfCall}{EndOfCalls}", "<th", "a", "{}");

        static TestCaseData Case(string name, string response, string answer, params string[] calls)
            => new TestCaseData(response, answer, calls).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Responses))]
    public void Calls_are_told_from_the_answer(string response, string answer, string[] calls)
    {
        // The text between the markers token by token, byte by byte, and in whichever tokens there are that begin at each second place.
        foreach (var tokens in new[] { Encode(response, int.MaxValue), Encode(response, 1), Encode(response, 2), Encode(response, 3) })
        {
            var read = Read(tokens, []);
            Assert.That(read.Answer, Is.EqualTo(answer));
            Assert.That(read.Calls.SelectMany(call => new[] { call.Name, call.Arguments }), Is.EqualTo(calls));
            Assert.That(read.Calls.Select(call => call.Id).Distinct().Count(), Is.EqualTo(calls.Length / 2));
            Assert.That(read.Ended, Is.EqualTo(calls.Length > 0 && response.Contains(EndOfCalls, StringComparison.Ordinal)));
        }
    }

    [Test]
    public void Reasoning_keeps_what_looks_like_a_call()
        => Assert.That(Read(Encode($"<think>{Call}a{Separator}</think>No.", 1), []).Reasoning, Is.EqualTo($"{Call}a{Separator}"));

    [Test]
    public void Text_that_spells_the_markers_calls_nothing()
    {
        var text = $"{Calls}{Call}a{Separator}{{}}{EndOfCall}{EndOfCalls}";
        var read = Read(Tokenizer.Encode(text, parseAddedTokens: false), []);
        Assert.That(read.Answer, Is.EqualTo(text));
        Assert.That(read.Calls, Is.Empty);
    }

    [Test]
    public void Without_tools_the_markers_are_text()
    {
        var text = $"{Calls}{Call}a{Separator}{{}}{EndOfCall}{EndOfCalls}";
        var chunks = Channel.CreateUnbounded<GenerationChunk>();
        var response = new ResponseText(Tokenizer, new ThinkSplitter(startsInReasoning: false), new StopSequences([]));
        foreach (var token in Encode(text, int.MaxValue))
        {
            response.Append(token, chunks.Writer);
        }

        Assert.That(response.HasCalls || response.CallsEnded, Is.False);
        Assert.That(Text(Drain(chunks), ChunkKind.Answer), Is.EqualTo(text));
    }

    [Test]
    public void Stop_sequences_end_the_answer_and_no_arguments()
    {
        var call = $"{Calls}{Call}a{Separator}{{\"stop\": 1}}{EndOfCall}{EndOfCalls}";
        var read = Read(Encode($"st{call}", 1), ["stop"]);
        Assert.That((read.Answer, read.Calls.Single().Arguments), Is.EqualTo(("st", "{\"stop\": 1}")));

        // Markers are no text, and so they are no part of one that stops.
        Assert.That(Read(Encode($"{Calls}op", 1), [$"{Calls}op"]).Answer, Is.Empty, "what is no call is text");
        read = Read(Encode($"st{Calls}{Call}b{Separator}{{}}{EndOfCall}op", 1), ["stop"]);
        Assert.That((read.Answer, read.Calls.Count), Is.EqualTo(("stop", 1)));
    }

    [Test]
    public void Arguments_come_as_they_are_written()
    {
        var chunks = Read(Encode($"{Calls}{Call}a{Separator}{{\"b\": \"cde\"}}{EndOfCall}{EndOfCalls}", 1), []).Chunks;
        var parts = chunks.Where(chunk => chunk.Kind is ChunkKind.ToolCall).ToList();
        Assert.That(parts.Select(part => part.Text), Is.EqualTo(
            new[] { "", "{", "\"", "b", "\"", ":", " \"", "c", "d", "e", "\"", "}" }), "space waits for what follows it");
        Assert.That(parts.Select(part => part.ToolCall), Is.All.EqualTo(new ToolCallPart(0, parts[0].ToolCall!.Id, "a")));
        Assert.That(parts.Select(part => part.TokenId), Is.All.Not.Null);
        Assert.That(parts[0].ToolCall!.Id, Does.Match("^call_[0-9a-f]{32}$"));
        Assert.That(chunks.Where(chunk => chunk.Kind is not ChunkKind.ToolCall).Select(chunk => chunk.ToolCall), Is.All.Null);
    }

    /// <summary>Tokens of trusted text whose ordinary parts are cut into pieces of so many characters first.</summary>
    private static int[] Encode(string text, int length)
    {
        var tokens = new List<int>();
        for (var at = 0; at < text.Length;)
        {
            var marker = new[] { Calls, EndOfCalls, Call, EndOfCall, Separator, "<think>", "</think>" }
                .FirstOrDefault(marker => text.AsSpan(at).StartsWith(marker, StringComparison.Ordinal));
            var next = marker is not null ? at + marker.Length : at + 1;
            while (marker is null && next < text.Length && next - at < length && text[next] != '<')
            {
                next++;
            }

            next += marker is null && char.IsHighSurrogate(text[next - 1]) ? 1 : 0;
            tokens.AddRange(Tokenizer.Encode(text[at..next], parseAddedTokens: marker is not null));
            at = next;
        }

        return [.. tokens];
    }

    private static Response Read(IEnumerable<int> tokens, string[] stops)
    {
        var chunks = Channel.CreateUnbounded<GenerationChunk>();
        var text = new ResponseText(
            Tokenizer, new ThinkSplitter(startsInReasoning: false), new StopSequences(stops), new ToolCallReader(ToolTokens.Find(Tokenizer)!));
        foreach (var token in tokens.TakeWhile(_ => !text.CallsEnded && !text.Stopped))
        {
            text.Append(token, chunks.Writer);
        }

        text.Complete(chunks.Writer, FinishReason.EndOfText, new Usage());
        var all = Drain(chunks);
        var calls = new ToolCallCollector();
        all.ForEach(calls.Add);
        Assert.That(text.HasCalls, Is.EqualTo(calls.ToCalls().Count > 0));
        return new(Text(all, ChunkKind.Reasoning), Text(all, ChunkKind.Answer), calls.ToCalls(), text.CallsEnded, all);
    }

    private static List<GenerationChunk> Drain(Channel<GenerationChunk> chunks)
    {
        var all = new List<GenerationChunk>();
        while (chunks.Reader.TryRead(out var chunk))
        {
            all.Add(chunk);
        }

        return all;
    }

    private static string Text(IEnumerable<GenerationChunk> chunks, ChunkKind kind)
        => string.Concat(chunks.Where(chunk => chunk.Kind == kind).Select(chunk => chunk.Text));

    private sealed record Response(
        string Reasoning, string Answer, IReadOnlyList<ToolCall> Calls, bool Ended, IReadOnlyList<GenerationChunk> Chunks);
}
