using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Tokenizer;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Tokenizer;

/// <summary>tiny-r1's tokenizer.json with one thing wrong at a time.</summary>
public sealed class MalformedTokenizerTests
{
    private TemporaryDirectory _directory = null!;

    [SetUp]
    public void MakeDirectory() => _directory = new TemporaryDirectory();

    [TearDown]
    public void DeleteDirectory() => _directory.Dispose();

    [Test]
    public void The_unchanged_file_loads()
    {
        Write(_ => { });

        DeepSeekTokenizer tokenizer = DeepSeekTokenizer.Load(_directory.Path);

        Assert.That(tokenizer.VocabSize, Is.EqualTo(768));
        Assert.That((tokenizer.BosToken, tokenizer.EosToken), Is.EqualTo(((int?)0, (int?)1)));
    }

    [Test]
    public void A_missing_file_is_named() => AssertMalformed("missing");

    [TestCase("")]
    [TestCase("{")]
    [TestCase("[]")]
    [TestCase("{\"model\": 3}")]
    [TestCase("{}")]
    [TestCase("{\"added_tokens\": 3}")]
    [TestCase("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"\\ud800\": 1}, \"merges\": []}}")]
    [TestCase("{\"model\": {\"type\": \"BPE\", \"vocab\": {}, \"merges\": []}} x")]
    public void What_is_no_tokenizer_is_refused(string json)
    {
        _directory.Write("tokenizer.json", json);

        AssertMalformed("");
    }

    [Test]
    public void Deep_nesting_is_refused()
    {
        _directory.Write("tokenizer.json", "{\"normalizer\": " + new string('[', 1_000_000));

        AssertMalformed("not valid JSON");
    }

    [Test]
    public void A_cut_off_file_is_refused()
    {
        string json = File.ReadAllText(Path.Combine(TestPaths.TinyR1, "tokenizer.json"));
        for (int length = 1; length < json.Length; length += 997)
        {
            _directory.Write("tokenizer.json", json[..length]);

            AssertMalformed("");
        }
    }

    [Test]
    public void Missing_merges_are_refused()
    {
        Write(root => root["model"]!.AsObject().Remove("merges"));
        AssertMalformed("there is no 'model.merges'");

        Write(root => root["model"]!["merges"] = new JsonArray());
        AssertMalformed("'model.merges' is empty");
    }

    [Test]
    public void A_merge_of_an_unknown_token_is_refused()
    {
        Write(root => root["model"]!["merges"]![7] = "a ĀĀĀ");

        AssertMalformed("merge 7, 'a' and 'ĀĀĀ' to 'aĀĀĀ', names a token that is not in 'model.vocab'");
    }

    [TestCase("\"ab\"")]
    [TestCase("\"a \"")]
    [TestCase("[\"a\"]")]
    [TestCase("[\"a\", 1]")]
    [TestCase("5")]
    public void A_merge_that_is_no_pair_is_refused(string merge)
    {
        Write(root => root["model"]!["merges"]![0] = JsonNode.Parse(merge));

        AssertMalformed("merge 0 is not a pair of tokens");
    }

    [Test]
    public void A_merge_listed_twice_is_refused()
    {
        Write(root => root["model"]!["merges"]![3] = root["model"]!["merges"]![2]!.DeepClone());

        AssertMalformed("merge 3");
    }

    [Test]
    public void Merges_may_be_lists()
    {
        Write(root =>
        {
            JsonArray merges = root["model"]!["merges"]!.AsArray();
            IEnumerable<string[]> pairs = merges.Select(merge => merge!.GetValue<string>().Split(' ')).ToList();
            root["model"]!["merges"] = new JsonArray([.. pairs.Select(pair => new JsonArray(pair[0], pair[1]))]);
        });

        Assert.That(DeepSeekTokenizer.Load(_directory.Path).Encode("What is 12 + 30?", false),
            Is.EqualTo(DeepSeekTokenizer.Load(TestPaths.TinyR1).Encode("What is 12 + 30?", false)));
    }

    [TestCase("-1", "is not a number between")]
    [TestCase("1.5", "is not a number between")]
    [TestCase("\"3\"", "is not a number between")]
    [TestCase("99999999999", "is not a number between")]
    [TestCase("2147483647", "a token has id 2147483647, but there are only")]
    [TestCase("300000", "a token has id 300000, but there are only")]
    [TestCase("4", "id 4 is given to two tokens")]
    public void An_impossible_id_is_refused(string id, string problem)
    {
        Write(root => root["model"]!["vocab"]!["a"] = JsonNode.Parse(id));

        AssertMalformed(problem);
    }

    [Test]
    public void A_token_given_twice_is_refused()
    {
        string json = File.ReadAllText(Path.Combine(TestPaths.TinyR1, "tokenizer.json"));
        _directory.Write("tokenizer.json",
            json.Replace("\"vocab\": {", "\"vocab\": {\"zzz\": 760, \"zzz\": 761, ", StringComparison.Ordinal));

        AssertMalformed("token 'zzz' is in 'model.vocab' twice");
    }

    [Test]
    public void A_token_outside_the_byte_alphabet_is_refused()
    {
        Write(root => root["model"]!["vocab"]!["a b"] = 800);

        AssertMalformed("token 800, 'a b', contains U+0020");
    }

    [Test]
    public void A_byte_without_a_token_is_refused()
    {
        Write(root =>
        {
            root["model"]!["vocab"]!.AsObject().Remove("Ā");
        });

        AssertMalformed("no token for byte 0x00");
    }

    [Test]
    public void A_byte_that_no_text_holds_needs_no_token()
    {
        // U+00C0 stands for byte 0xC0, U+00F5 for 0xF5.
        string[] missing = ["\u00C0", "\u00C1", .. Enumerable.Range(0xF5, 11).Select(value => ((char)value).ToString())];
        Write(root =>
        {
            foreach (string token in missing)
            {
                Assert.That(root["model"]!["vocab"]!.AsObject().Remove(token), Is.True);
            }
        });

        Assert.That(DeepSeekTokenizer.Load(_directory.Path).Encode("7 \U0010FFFF \u00C0", parseAddedTokens: false),
            Is.EqualTo(DeepSeekTokenizer.Load(TestPaths.TinyR1).Encode("7 \U0010FFFF \u00C0", parseAddedTokens: false)));

        Write(root => root["model"]!["vocab"]!.AsObject().Remove("\u00F4"));
        AssertMalformed("no token for byte 0xF4");
    }

    [Test]
    public void Another_kind_of_model_is_refused()
    {
        Write(root => root["model"]!["type"] = "Unigram");

        AssertMalformed("the model's type is 'Unigram'");
    }

    [TestCase("{\"id\": -5, \"content\": \"<x>\"}", "has no 'content' or no 'id'")]
    [TestCase("{\"content\": \"<x>\"}", "has no 'content' or no 'id'")]
    [TestCase("{\"id\": 900}", "has no 'content' or no 'id'")]
    [TestCase("7", "has no 'content' or no 'id'")]
    [TestCase("{\"id\": 900, \"content\": \"\"}", "added token 900 is empty")]
    [TestCase("{\"id\": 900, \"content\": \"<think>\"}", "is listed twice")]
    [TestCase("{\"id\": 752, \"content\": \"<x>\"}", "is listed twice")]
    [TestCase("{\"id\": 100, \"content\": \"<x>\"}", "contradicts 'model.vocab'")]
    [TestCase("{\"id\": 900, \"content\": \"a\"}", "contradicts 'model.vocab'")]
    [TestCase("{\"id\": 2000000000, \"content\": \"<x>\"}", "a token has id 2000000000, but there are only")]
    public void An_impossible_added_token_is_refused(string token, string problem)
    {
        Write(root => root["added_tokens"]!.AsArray().Add(JsonNode.Parse(token)));

        AssertMalformed(problem);
    }

    [Test]
    public void A_pre_tokenizer_that_cuts_in_another_way_is_refused_and_shown()
    {
        Write(root => root["pre_tokenizer"]!["pretokenizers"]![1]!["behavior"] = "Removed");
        AssertUnsupported("Removed");

        Write(root => root["pre_tokenizer"]!["pretokenizers"]![1]!["invert"] = true);
        AssertUnsupported("does not isolate");

        Write(root => root["pre_tokenizer"]!["pretokenizers"]![3]!["add_prefix_space"] = true);
        AssertUnsupported("prefix space");

        Write(root => root["pre_tokenizer"]!["pretokenizers"]![2]!["type"] = "Metaspace");
        AssertUnsupported("Metaspace");

        Write(root => root["pre_tokenizer"]!["pretokenizers"]!.AsArray().RemoveAt(3));
        AssertUnsupported("ends in a ByteLevel step");

        Write(root => root["pre_tokenizer"]!["pretokenizers"]!.AsArray().Add(JsonNode.Parse("{\"type\": \"Digits\"}")));
        AssertUnsupported("Found: {\"type\":\"Digits\"}");

        Write(root => root["pre_tokenizer"] = null);
        AssertUnsupported("Found: null");

        Write(root => root.Remove("pre_tokenizer"));
        AssertUnsupported("Found: none");
    }

    [Test]
    public void A_split_without_a_usable_pattern_is_refused()
    {
        Write(root => root["pre_tokenizer"]!["pretokenizers"]![0]!["pattern"] = JsonNode.Parse("{\"Glob\": \"x\"}"));
        AssertMalformed("a Split without a pattern");

        Write(root => root["pre_tokenizer"]!["pretokenizers"]![0]!["pattern"]!["Regex"] = "\\p{N}{1,3");
        AssertUnsupported("'\\p{N}{1,3'");

        Write(root => root["pre_tokenizer"]!["pretokenizers"]![0]!["pattern"]!["Regex"] = "(a");
        AssertMalformed("'(a' is malformed");
    }

    [Test]
    public void Steps_that_would_change_ids_are_refused()
    {
        Write(root => root["normalizer"] = JsonNode.Parse("{\"type\": \"NFKC\"}"));
        AssertUnsupported("expected no normalizer other than NFC and found {\"type\":\"NFKC\"}");

        const string Steps = "[{\"type\": \"NFC\"}, {\"type\": \"Lowercase\"}]";
        Write(root => root["normalizer"] = JsonNode.Parse($"{{\"type\": \"Sequence\", \"normalizers\": {Steps}}}"));
        AssertUnsupported("found {\"type\":\"Lowercase\"}");

        Write(root => root["normalizer"] = JsonNode.Parse("{\"type\": \"Sequence\"}"));
        AssertUnsupported("found {\"type\":\"Sequence\"}");

        Write(root => root["normalizer"] = "NFC");
        AssertUnsupported("found \"NFC\"");

        Write(root => root["decoder"] = JsonNode.Parse("{\"type\": \"Metaspace\"}"));
        AssertUnsupported("Metaspace");

        Write(root => root["model"]!["byte_fallback"] = true);
        AssertUnsupported("byte_fallback");

        Write(root => root["model"]!["dropout"] = 0.1);
        AssertUnsupported("dropout");

        Write(root => root["added_tokens"]![3]!["lstrip"] = true);
        AssertUnsupported("lstrip");
    }

    [TestCase("{\"type\": \"NFC\"}")]
    [TestCase("{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}]}")]
    public void Text_is_normalized_where_the_file_says_so(string normalizer)
    {
        Write(root => root["normalizer"] = JsonNode.Parse(normalizer));
        DeepSeekTokenizer tokenizer = DeepSeekTokenizer.Load(_directory.Path);

        Assert.That(tokenizer.Decode(tokenizer.Encode("e\u0301", false), false), Is.EqualTo("é"));
        Assert.That(DeepSeekTokenizer.Load(TestPaths.TinyR1).Encode("e\u0301", false), Is.Not.EqualTo(tokenizer.Encode("é", false)));
    }

    [TestCase("{\"bos_token\": \"<nowhere>\"}", "'bos_token' is '<nowhere>', which is not a token")]
    [TestCase("{\"eos_token\": 5}", "'eos_token' is neither a string nor an object")]
    [TestCase("{\"bos_token\": {\"text\": \"x\"}}", "'bos_token' is neither a string nor an object")]
    [TestCase("{\"chat_template\": [{\"name\": \"rag\", \"template\": \"x\"}]}", "'chat_template' is neither a string nor a list")]
    [TestCase("{", "not valid JSON")]
    [TestCase("[]", "cannot be read")]
    public void A_wrong_tokenizer_config_is_refused(string json, string problem)
    {
        Write(_ => { });
        _directory.Write("tokenizer_config.json", json);

        Assert.That(() => DeepSeekTokenizer.Load(_directory.Path),
            Throws.TypeOf<ModelFormatException>().With.Message.Contains(problem).And.Message.Contains("tokenizer_config.json"));
    }

    private void Write(Action<JsonObject> change)
    {
        JsonObject root = JsonNode.Parse(File.ReadAllBytes(Path.Combine(TestPaths.TinyR1, "tokenizer.json")))!.AsObject();
        change(root);
        JsonSerializerOptions readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        _directory.Write("tokenizer.json", root.ToJsonString(readable));
    }

    private void AssertMalformed(string problem)
        => Assert.That(() => DeepSeekTokenizer.Load(_directory.Path),
            Throws.TypeOf<ModelFormatException>().With.Message.Contains(problem)
                .And.Property(nameof(ModelFormatException.Path)).EqualTo(Path.Combine(_directory.Path, "tokenizer.json")));

    private void AssertUnsupported(string found)
        => Assert.That(() => DeepSeekTokenizer.Load(_directory.Path),
            Throws.TypeOf<UnsupportedModelException>().With.Message.Contains(found)
                .And.Property(nameof(UnsupportedModelException.Path)).EqualTo(Path.Combine(_directory.Path, "tokenizer.json")));
}
