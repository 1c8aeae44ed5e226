using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using DeepSeekEngine.Constraints;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Constraints;

/// <summary>Every valid value can be written, however JSON may write it and in the tokens a tokenizer makes of it; no invalid one can.</summary>
[Parallelizable(ParallelScope.Self)]
public class AcceptanceTests
{
    [TestCaseSource(typeof(RealisticSchemas), nameof(RealisticSchemas.Cases))]
    public void Valid_values_are_allowed(RealisticSchemas.Case given)
    {
        var grammar = Grammar.JsonSchema(given.Schema);
        var judge = new SchemaJudge(given.Schema);
        foreach (var value in given.Valid)
        {
            Assert.That(judge.Objection(value), Is.Null, value);
            foreach (var text in Writings(value))
            {
                foreach (var vocabulary in new[] { Vocabularies.Real, Vocabularies.Tiny })
                {
                    Assert.That(Refusal(grammar, vocabulary, text), Is.Null, text);
                }
            }
        }
    }

    [TestCaseSource(typeof(RealisticSchemas), nameof(RealisticSchemas.Cases))]
    public void Invalid_values_are_not_allowed(RealisticSchemas.Case given)
    {
        var grammar = Grammar.JsonSchema(given.Schema);
        var judge = new SchemaJudge(given.Schema);
        foreach (var value in given.Invalid)
        {
            Assert.That(judge.Objection(value), Is.Not.Null, value);
            Assert.That(Refusal(grammar, Vocabularies.Real, value), Is.Not.Null, value);
        }
    }

    [TestCase("{\"a\":1,\"a\":2}")]
    [TestCase("{\"a\":1,\"\\u0061\":2}")]
    [TestCase("{\"\":1,\"b\":2,\"\":3}")]
    [TestCase("[1,]")]
    [TestCase("[01]")]
    [TestCase("{\"a\" 1}")]
    [TestCase("\"\\ud800\"")]
    [TestCase("\"\\ud800x\"")]
    [TestCase("\"\\udc00\"")]
    [TestCase("\"\\ud800\\ud800\"")]
    [TestCase("\"\t\"")]
    [TestCase("\"\\x\"")]
    [TestCase("nul")]
    [TestCase("1 ")]
    [TestCase("+1")]
    [TestCase("[1\n\n,2]")]
    [TestCase("[  1]")]
    [TestCase("[\n     1]")]
    [TestCase("{\"a\":\n1}")]
    [TestCase("// c\n1")]
    public void What_is_not_plain_json_is_not_allowed(string text)
        => Assert.That(Refusal(Grammar.Json(), Vocabularies.Real, text), Is.Not.Null);

    [TestCase("{\"a\":1,\"aa\":2,\"\":3,\"A\":4,\"b\":{\"a\":1}}")]
    [TestCase("\"\\ud83d\\ude00\\u0000\\/\\b\\f\\n\\r\\t\\\\\\\"\"")]
    [TestCase("\"\ud83d\ude00\u007f\u20ac\u00e9\uffff\"")]
    [TestCase("\r\n{ \"a\" : [ ] , \"b\" : { } }")]
    [TestCase("[\n    1,\n    [\n        2\n    ],\n\t{\n\t\t\"a\": 3\n\t}\n]")]
    [TestCase("-0.0e-0")]
    public void Plain_json_is_allowed(string text) => Assert.That(Refusal(Grammar.Json(), Vocabularies.Real, text), Is.Null);

    [TestCase("""{"definitions": {"a~/b": {"const": 1}}, "$ref": "#/definitions/a~0~1b"}""", "1")]
    [TestCase("""{"$id": "https://example.org/s", "$defs": {"é x": {"const": 1}}, "$ref": "https://example.org/s#/$defs/%C3%A9%20x"}""", "1")]
    [TestCase("""{"type": "object", "title": "t", "default": {}, "examples": [1], "deprecated": true, "readOnly": false, "writeOnly": false}""", "{}")]
    [TestCase("""{"enum": [1e2, 1.50]}""", "1e2")]
    [TestCase("""{"minLength": 2.0, "maxLength": 2}""", "\"\\ud83d\\ude00x\"")]
    [TestCase("""{"type": "string", "maxItems": 0, "minProperties": 5, "minimum": 3}""", "\"\"")]
    public void What_another_validator_does_not_say_is_allowed_too(string schema, string text)
        => Assert.That(Refusal(Grammar.JsonSchema(schema), Vocabularies.Real, text), Is.Null);

    [Test]
    public void Nesting_ends_at_the_depth_readers_read()
    {
        var deepest = new string('[', Grammar.MaxDepth) + new string(']', Grammar.MaxDepth);
        Assert.That(Refusal(Grammar.Json(), Vocabularies.Real, deepest), Is.Null);
        Assert.That(Refusal(Grammar.Json(), Vocabularies.Real, $"[{deepest}]"), Is.Not.Null);
    }

    /// <summary>Where a text is refused; null if it is allowed.</summary>
    internal static string? Refusal(Grammar grammar, Vocabularies.Vocabulary vocabulary, string text)
    {
        var matcher = vocabulary.Begin(grammar);
        var read = new List<int>();
        foreach (var token in vocabulary.Tokenizer.Encode(text, parseAddedTokens: false))
        {
            var isAllowed = TokenMask.Contains(matcher.Allowed(), token);
            Assert.That(matcher.Allows(token), Is.EqualTo(isAllowed));
            if (!isAllowed)
            {
                Assert.That(() => matcher.Accept(token), Throws.InvalidOperationException);
                return $"refused after {vocabulary.Tokenizer.Decode([.. read], skipSpecial: false)}";
            }

            matcher.Accept(token);
            read.Add(token);
        }

        return matcher.MayEnd ? null : "not complete";
    }

    private static IEnumerable<string> Writings(string value)
    {
        var node = JsonNode.Parse(value);
        var relaxed = new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        yield return value;
        foreach (var order in new[] { node, Reversed(node) })
        {
            yield return order?.ToJsonString() ?? "null";
            yield return order?.ToJsonString(relaxed) ?? "null";
            yield return order?.ToJsonString(new JsonSerializerOptions(relaxed) { WriteIndented = true }) ?? "null";
            yield return order?.ToJsonString(new JsonSerializerOptions { WriteIndented = true, IndentCharacter = '\t', NewLine = "\r\n" }) ?? "null";
        }
    }

    private static JsonNode? Reversed(JsonNode? node) => node switch
    {
        JsonObject members => new JsonObject(members.Reverse().Select(member => KeyValuePair.Create(member.Key, Reversed(member.Value)))),
        JsonArray items => new JsonArray([.. items.Select(Reversed)]),
        _ => node?.DeepClone(),
    };
}
