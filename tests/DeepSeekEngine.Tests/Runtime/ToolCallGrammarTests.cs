using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using DeepSeekEngine.Constraints;
using DeepSeekEngine.Runtime;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Tokenizer;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Runtime;

/// <summary>What a model may write where it is offered tools.</summary>
public sealed class ToolCallGrammarTests
{
    private const string Fenced = "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>{0}\n```json\n{1}\n```<｜tool▁call▁end｜>";
    private const string Again = "\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>{0}\n```json\n{1}\n```<｜tool▁call▁end｜>";
    private const string Bare = "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>{0}<｜tool▁sep｜>{1}<｜tool▁call▁end｜>";
    private const string End = "<｜tool▁calls▁end｜>";

    private static readonly DeepSeekTokenizer Tokenizer = DeepSeekTokenizer.Load(TestPaths.TinyR1);
    private static readonly TokenVocabulary Vocabulary = new(Tokenizer, Tokenizer.VocabSize);
    private static readonly ToolTokens Tokens = ToolTokens.Find(Tokenizer)!;

    private static readonly ToolDefinition[] Tools =
    [
        new("get", "Gets one.", JsonElement.Parse(
            """{"properties": {"key": {"enum": ["a", "b"]}, "n": {"type": "integer", "minimum": 0, "maximum": 9}}, "required": ["key"], "additionalProperties": false}""")),
        new("get_all"),
    ];

    [TestCase(Fenced, "get", "{\"key\": \"a\", \"n\": 3}", true)]
    [TestCase(Fenced, "get", "{\"n\":3,\"key\":\"b\"}", true)]
    [TestCase(Fenced, "get_all", "{}", true)]
    [TestCase(Fenced, "get_", "{}", false)]
    [TestCase(Fenced, "put", "{}", false)]
    [TestCase(Fenced, "get", "{}", false)]
    [TestCase(Fenced, "get", "[]", false)]
    [TestCase(Fenced, "get", "{\"key\": \"c\"}", false)]
    [TestCase(Fenced, "get_all", "{\"key\": \"a\"}", false)]
    [TestCase(Bare, "get_all", "{}", false)]
    public void Calls_are_of_tools_there_are_and_of_arguments_that_validate(string form, string name, string arguments, bool allowed)
        => Assert.That(Allows(new(), string.Format(null, form, name, arguments) + End), Is.EqualTo(allowed));

    [Test]
    public void The_form_is_that_of_the_template()
    {
        Assert.That(Allows(new(), string.Format(null, Bare, "get_all", "{}") + End, ToolCallForm.Bare));
        Assert.That(Allows(new(), string.Format(null, Fenced, "get_all", "{}") + End, ToolCallForm.Bare), Is.False);
    }

    [Test]
    public void The_choice_says_whether_there_is_text_and_whether_there_are_calls()
    {
        var call = string.Format(null, Fenced, "get_all", "{}");
        GenerationOptions auto = new(), required = new() { ToolChoice = ToolChoice.Required }, none = new() { ToolChoice = ToolChoice.None },
            one = new() { ToolChoice = ToolChoice.Function("get_all") }, other = new() { ToolChoice = ToolChoice.Function("get") };
        (GenerationOptions Options, string Text, bool Allowed)[] cases =
        [
            (auto, "Text.", true), (required, "Text.", false), (none, "Text.", true), (one, "Text.", false),
            (auto, call + End, true), (required, call + End, true), (none, call + End, false), (one, call + End, true), (other, call + End, false),
            (auto, "Text. " + call + End, true), (required, "Text. " + call + End, false), (auto, call + End + "Text.", false),
            (auto, call, false), (auto, "", true), (required, "", false), (auto, End, false), (none, Tokenizer.Decode([Tokens.CallsBegin], false), false),
        ];
        Assert.Multiple(() =>
        {
            foreach (var (options, text, allowed) in cases)
            {
                Assert.That(Allows(options, text), Is.EqualTo(allowed), $"{text} ({options.ToolChoice?.FunctionName})");
            }
        });
    }

    [Test]
    public void There_is_one_call_or_more()
    {
        var two = string.Format(null, Fenced, "get_all", "{}") + string.Format(null, Again, "get", "{\"key\": \"a\"}") + End;
        Assert.That(Allows(new(), two));
        Assert.That(Allows(new() { ParallelToolCalls = false }, two), Is.False);
        Assert.That(Allows(new() { ParallelToolCalls = false }, string.Format(null, Fenced, "get_all", "{}") + End));
    }

    [Test]
    public void An_answer_is_of_its_format_or_calls()
    {
        var call = string.Format(null, Fenced, "get_all", "{}") + End;
        GenerationOptions options = new() { ResponseFormat = ResponseFormat.Choice("yes", "no") };
        Assert.That(Allows(options, "yes"));
        Assert.That(Allows(options, "perhaps"), Is.False);
        Assert.That(Allows(options, call));
        Assert.That(Allows(options, "yes" + call), Is.False);
        options = options with { ToolChoice = ToolChoice.None };
        Assert.That(Allows(options, "yes"));
        Assert.That(Allows(options, call), Is.False);
    }

    [Test]
    public void A_tool_there_is_not_or_a_schema_that_cannot_be_kept_to_is_refused()
    {
        Assert.That(
            () => Grammar(new() { ToolChoice = ToolChoice.Function("put") }), Throws.ArgumentException.With.Message.Contains("'put'").And.Message.Contains("get, get_all"));
        Assert.That(
            () => Grammar(new() { Tools = [new("f", Parameters: JsonElement.Parse("""{"type": "object", "not": {}}"""))] }),
            Throws.TypeOf<UnsupportedSchemaException>().With.Message.Contains("'f'").And.Message.Contains("not"));
    }

    /// <summary>Whatever is drawn of what is allowed, what is read of it are calls of the tools that validate.</summary>
    [Test]
    public void Calls_of_any_model_are_valid([Values] bool fenced, [Range(1, 10)] int seed)
    {
        var random = new Random(seed);
        var grammar = Grammar(new() { ToolChoice = ToolChoice.Required }, fenced ? ToolCallForm.Fenced : ToolCallForm.Bare);
        var matcher = new Matcher(grammar, Vocabulary, [Tokenizer.EosToken!.Value]);
        var chunks = Channel.CreateUnbounded<GenerationChunk>();
        var text = new ResponseText(Tokenizer, new ThinkSplitter(startsInReasoning: false), new StopSequences([]), new ToolCallReader(Tokens));
        var written = new List<int>();
        while (!text.CallsEnded)
        {
            var allowed = matcher.Allowed().ToArray();
            int[] tokens = [.. Enumerable.Range(0, Vocabulary.Size).Where(token => (allowed[token / 64] >> (token % 64) & 1) != 0)];
            Assert.That(tokens, Is.Not.Empty);
            var token = tokens[random.Next(tokens.Length)];
            matcher.Accept(token);
            text.Append(token, chunks.Writer);
            written.Add(token);
            Assert.That(written, Has.Count.LessThan(20_000));
        }

        Assert.That(matcher.MustEnd);
        text.Complete(chunks.Writer, FinishReason.ToolCalls, new Usage());
        var calls = new ToolCallCollector();
        var answer = new StringBuilder();
        while (chunks.Reader.TryRead(out var chunk))
        {
            calls.Add(chunk);
            answer.Append(chunk.Kind is ChunkKind.ToolCall ? "" : chunk.Text);
        }

        Assert.That(answer.ToString(), Is.Empty);
        Assert.That(calls.ToCalls(), Is.Not.Empty);
        foreach (var call in calls.ToCalls())
        {
            var arguments = JsonElement.Parse(call.Arguments).EnumerateObject().ToDictionary(property => property.Name, property => property.Value);
            if (call.Name == "get")
            {
                Assert.That(arguments["key"].GetString(), Is.AnyOf("a", "b"));
                Assert.That(arguments.Keys, Is.SubsetOf(new[] { "key", "n" }));
                Assert.That(!arguments.TryGetValue("n", out var n) || n.GetDecimal() is >= 0 and <= 9);
            }
            else
            {
                Assert.That(call.Name, Is.EqualTo("get_all"));
                Assert.That(arguments, Is.Empty);
            }
        }
    }

    private static Grammar Grammar(GenerationOptions options, ToolCallForm form = ToolCallForm.Fenced)
        => ToolCallGrammar.Of(options with { Tools = options.Tools ?? Tools }, Tokens, form);

    private static bool Allows(GenerationOptions options, string text, ToolCallForm form = ToolCallForm.Fenced)
    {
        var matcher = new Matcher(Grammar(options, form), Vocabulary, [Tokenizer.EosToken!.Value]);
        foreach (var token in Tokenizer.Encode(text, parseAddedTokens: true))
        {
            if (!matcher.Allows(token))
            {
                return false;
            }

            matcher.Accept(token);
        }

        return matcher.MayEnd;
    }
}
