using System.Text.Json;
using BenchmarkDotNet.Attributes;
using DeepSeekEngine.Constraints;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Tokenizer;

namespace DeepSeekEngine.Benchmarks;

/// <summary>
/// An answer held to a format over R1's vocabulary of 128k tokens: for each token the mask, its application to the logits, and the token
/// taken. The time of Warm and Cold is that of a token.
/// </summary>
public class ConstraintBenchmarks
{
    private const int Tokens = 128;

    private const string Schema = """
        {
          "type": "object",
          "properties": {
            "name": {"type": "string", "maxLength": 60}, "email": {"type": "string", "format": "email"}, "age": {"type": "integer", "minimum": 0},
            "orders": {"type": "array", "maxItems": 10, "items": {
              "type": "object",
              "properties": {"id": {"type": "string", "pattern": "^[A-Z]{2}-\\d{6}$"}, "state": {"enum": ["open", "sent", "returned"]}, "price": {"type": "number", "minimum": 0}},
              "required": ["id", "state"], "additionalProperties": false}}
          },
          "required": ["name", "orders"], "additionalProperties": false
        }
        """;

    private const string Order = """{"id": "DE-000017", "state": "returned", "price": 129.95}""";

    private readonly float[] _logits = new float[129_280];

    private DeepSeekTokenizer _tokenizer = null!;

    private TokenVocabulary _warm = null!;

    private TokenVocabulary _cold = null!;

    private Grammar _grammar = null!;

    private int[] _answer = [];

    /// <summary>What the answer is held to.</summary>
    [Params("schema", "json")]
    public string Format { get; set; } = null!;

    [GlobalSetup]
    public void Setup()
    {
        _tokenizer = DeepSeekTokenizer.Load(TestPaths.TokenizerDirectory);
        _grammar = Format == "json" ? Grammar.Json() : Grammar.JsonSchema(Schema);
        _warm = Build();
        var orders = string.Join(",\n    ", Enumerable.Repeat(Order, 5));
        var text = $$"""
            {
              "name": "Ada Lovelace",
              "email": "ada@example.org",
              "age": 36,
              "orders": [
                {{orders}}
              ]
            }
            """;
        _answer = _tokenizer.Encode(JsonDocument.Parse(text).RootElement.GetRawText(), parseAddedTokens: false)[..Tokens];
        Answer(_warm);
    }

    /// <summary>With all masks kept from an answer before.</summary>
    [Benchmark(OperationsPerInvoke = Tokens)]
    public void Warm() => Answer(_warm);

    [IterationSetup(Target = nameof(Cold))]
    public void Forget() => _cold = Build();

    /// <summary>With none.</summary>
    [Benchmark(OperationsPerInvoke = Tokens)]
    public void Cold() => Answer(_cold);

    /// <summary>What a model does once: the trie of its tokens.</summary>
    [Benchmark]
    public object Trie() => Build();

    private TokenVocabulary Build() => new(_tokenizer, _logits.Length);

    private void Answer(TokenVocabulary vocabulary)
    {
        var matcher = new Matcher(_grammar, vocabulary, [_tokenizer.EosToken!.Value]);
        foreach (var token in _answer)
        {
            TokenMask.Apply(matcher.Allowed(), _logits);
            matcher.Accept(token);
        }
    }
}
