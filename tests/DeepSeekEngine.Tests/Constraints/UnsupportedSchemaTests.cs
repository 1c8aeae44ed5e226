using System.Globalization;
using System.Text;
using DeepSeekEngine.Constraints;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Constraints;

/// <summary>What cannot be held to is refused, by name, place and soon.</summary>
public class UnsupportedSchemaTests
{
    [TestCase("not", "{}")]
    [TestCase("if", "{}")]
    [TestCase("then", "{}")]
    [TestCase("else", "{}")]
    [TestCase("dependentRequired", "{}")]
    [TestCase("dependentSchemas", "{}")]
    [TestCase("dependencies", "{}")]
    [TestCase("unevaluatedProperties", "false")]
    [TestCase("unevaluatedItems", "false")]
    [TestCase("contains", "{}")]
    [TestCase("minContains", "1")]
    [TestCase("maxContains", "1")]
    [TestCase("uniqueItems", "true")]
    [TestCase("additionalItems", "false")]
    [TestCase("$dynamicRef", "\"#a\"")]
    [TestCase("$dynamicAnchor", "\"a\"")]
    [TestCase("$vocabulary", "{}")]
    [TestCase("contentEncoding", "\"base64\"")]
    [TestCase("contentSchema", "{}")]
    [TestCase("nullable", "true")]
    [TestCase("whatever", "1")]
    [TestCase("format", "\"regex\"")]
    [TestCase("multipleOf", "0.3")]
    [TestCase("multipleOf", "0")]
    public void Keywords_that_are_not_supported_are_named(string keyword, string value)
    {
        foreach (var (schema, location) in new[]
        {
            ($$"""{"{{keyword}}": {{value}} }""", "#"),
            ($$$$"""{"properties": {"a/b~": {"items": {"{{{{keyword}}}}": {{{{value}}}} }} }}""", "#/properties/a~1b~0/items"),
            ($$"""{"anyOf": [true, {"{{keyword}}": {{value}} }]}""", "#/anyOf/1"),
        })
        {
            var e = Refusal(schema);
            Assert.That(e.Location, Is.EqualTo($"{location}/{keyword}"));
            Assert.That(e.Message, Does.Contain(keyword));
        }
    }

    [TestCase("""{"$defs": {"a": {"not": {}}}}""", "#/$defs/a/not")]
    [TestCase("""{"type": "text"}""", "#/type")]
    [TestCase("""{"type": 1}""", "#/type")]
    [TestCase("""{"properties": []}""", "#/properties")]
    [TestCase("""{"required": [1]}""", "#/required")]
    [TestCase("""{"anyOf": []}""", "#/anyOf")]
    [TestCase("""{"items": [true]}""", "#/items")]
    [TestCase("""{"minLength": -1}""", "#/minLength")]
    [TestCase("""{"maxItems": 1.5}""", "#/maxItems")]
    [TestCase("""{"minimum": "1"}""", "#/minimum")]
    [TestCase("""{"pattern": "(?=a)"}""", "#/pattern")]
    [TestCase("""{"pattern": "("}""", "#/pattern")]
    [TestCase("""{"patternProperties": {"(": true}}""", "#/patternProperties")]
    [TestCase("""{"$ref": "#/$defs/missing"}""", "#/$ref")]
    [TestCase("""{"$ref": "https://example.org/other"}""", "#/$ref")]
    [TestCase("""{"properties": {"a": {"$id": "x"}}}""", "#/properties/a/$id")]
    [TestCase("""{"const": "\ud800"}""", "#")]
    [TestCase("""{"type": "string", "type": "string"}""", "#")]
    [TestCase("""{""", "#")]
    [TestCase("1", "#")]
    [TestCase("""{"oneOf": [{"type": "number"}, {"type": "integer"}]}""", "#/oneOf")]
    [TestCase("""{"propertyNames": {"oneOf": [{"maxLength": 3}, {"minLength": 3}]}}""", "#/propertyNames/oneOf")]
    [TestCase("""{"properties": {"a": {"oneOf": [{"properties": {"k": {"const": 1}}}, {"properties": {"k": {"const": 2}}}]}}}""", "#/properties/a/oneOf")]
    [TestCase("""{"$ref": "#"}""", "#")]
    [TestCase("""{"anyOf": [{"$ref": "#"}, {"type": "string"}]}""", "#")]
    [TestCase("""{"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}""", "#/$defs/a")]
    public void What_is_malformed_or_cannot_be_held_to_is_refused(string schema, string location)
        => Assert.That(Refusal(schema).Location, Is.EqualTo(location));

    [TestCase("false")]
    [TestCase("""{"enum": []}""")]
    [TestCase("""{"type": "string", "const": 1}""")]
    [TestCase("""{"type": "integer", "minimum": 1.2, "maximum": 1.8}""")]
    [TestCase("""{"type": "integer", "enum": [1.5]}""")]
    [TestCase("""{"type": "string", "minLength": 3, "maxLength": 2}""")]
    [TestCase("""{"type": "string", "pattern": "^a$", "minLength": 2}""")]
    [TestCase("""{"type": "object", "properties": {"a": false}, "required": ["a"]}""")]
    [TestCase("""{"type": "object", "required": ["a", "b"], "maxProperties": 1}""")]
    [TestCase("""{"type": "object", "required": ["abc"], "propertyNames": {"maxLength": 2}}""")]
    [TestCase("""{"type": "object", "propertyNames": {"enum": ["a", "b"]}, "minProperties": 3}""")]
    [TestCase("""{"type": "array", "items": false, "minItems": 1}""")]
    [TestCase("""{"type": "array", "items": {"$ref": "#"}, "minItems": 1}""")]
    [TestCase("""{"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}""")]
    [TestCase("""{"allOf": [{"const": {"a": 1}}, {"const": {"a": 2}}]}""")]
    public void Schemas_that_nothing_satisfies_are_refused(string schema) => Assert.That(Refusal(schema).Message, Does.Contain("No value satisfies"));

    [TestCase("""{"type": "string", "maxLength": 1000000000}""")]
    [TestCase("""{"type": "string", "minLength": 99999999999999999999}""")]
    [TestCase("""{"pattern": "((a{1000}){1000}){1000}"}""")]
    [TestCase("""{"minimum": 1e999999999}""")]
    [TestCase("""{"multipleOf": 1e30}""")]
    public void Numbers_that_are_too_large_are_refused(string schema) => Refusal(schema);

    [Test]
    public void Schemas_nested_deeply_are_refused()
        => Assert.That(Refusal(Repeat("{\"items\":", 100_000) + "true" + new string('}', 100_000)).Location, Is.EqualTo("#"));

    [Test]
    public void Long_chains_of_references_are_refused()
    {
        var schema = new StringBuilder("{\"$ref\": \"#/$defs/0\", \"$defs\": {");
        for (var i = 0; i < 10_000; i++)
        {
            schema.Append(CultureInfo.InvariantCulture, $"\"{i}\": {{\"$ref\": \"#/$defs/{i + 1}\"}},");
        }

        Refusal(schema.Append("\"10000\": true}}").ToString());
    }

    [Test]
    public void Products_of_alternatives_are_refused()
    {
        var one = "{\"anyOf\": [" + string.Join(',', Enumerable.Range(0, 10).Select(i => $"{{\"properties\": {{\"p{i}\": true}}}}")) + "]}";
        Refusal("{\"allOf\": [" + string.Join(',', Enumerable.Repeat(one, 10)) + "]}");
    }

    [Test]
    public void Overlapping_pattern_properties_are_refused()
        => Refusal("{\"patternProperties\": {" + string.Join(',', Enumerable.Range(0, 12).Select(i => $"\"{(char)('a' + i)}\": {{\"minimum\": {i}}}")) + "}}");

    [Test]
    public void Large_enums_are_handled()
    {
        var schema = "{\"enum\": [" + string.Join(',', Enumerable.Range(0, 2000).Select(i => $"\"word {i * 7919}\",{i}")) + "]}";
        Assert.That(AcceptanceTests.Refusal(Grammar.JsonSchema(schema), Vocabularies.Tiny, "\"word 7919\""), Is.Null);
        Assert.That(AcceptanceTests.Refusal(Grammar.JsonSchema(schema), Vocabularies.Tiny, "\"word 7918\""), Is.Not.Null);
    }

    [Test]
    public void Ambiguity_at_every_level_does_not_multiply()
    {
        // Each level may be understood in two ways until its end; stacks that were kept apart would be 2^60.
        const string Schema = """
            {"anyOf": [{"type": "array", "items": {"$ref": "#"}, "maxItems": 3}, {"type": "array", "items": {"$ref": "#"}, "maxItems": 4}, {"type": "null"}]}
            """;
        var text = Repeat("[null,", 60) + "null" + new string(']', 60);
        Assert.That(AcceptanceTests.Refusal(Grammar.JsonSchema(Schema), Vocabularies.Tiny, text), Is.Null);
    }

    private static string Repeat(string text, int count) => string.Concat(Enumerable.Repeat(text, count));

    private static UnsupportedSchemaException Refusal(string schema)
        => Assert.Throws<UnsupportedSchemaException>(() => Grammar.JsonSchema(schema))!;
}
