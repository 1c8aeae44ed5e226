using System.Text.Json;
using System.Text.Json.Nodes;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Tokenizer;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Tokenizer;

/// <summary>
/// A tokenizer.json of DeepSeek-V2's make with a small vocabulary: the bytes of UTF-8, five merges, and added tokens after them.
/// </summary>
public sealed class DeepSeekV2TokenizerTests
{
    private const int ByteTokens = 256 - 13;

    private const string Template =
        "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{{ bos_token }}"
        + "{% for message in messages %}{% if message['role'] == 'user' %}{{ 'User: ' + message['content'] + '\n\n' }}"
        + "{% elif message['role'] == 'assistant' %}{{ 'Assistant: ' + message['content'] + eos_token }}"
        + "{% elif message['role'] == 'system' %}{{ message['content'] + '\n\n' }}{% endif %}{% endfor %}"
        + "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}";

    private const int Bos = 300;

    private const int Eos = 301;

    private TemporaryDirectory _directory = null!;

    private DeepSeekTokenizer _tokenizer = null!;

    [OneTimeSetUp]
    public void WriteAndLoad()
    {
        _directory = new TemporaryDirectory();
        _directory.Write("tokenizer.json", TokenizerJson());
        JsonObject config = JsonNode.Parse("""
            {
              "add_bos_token": true, "add_eos_token": false, "tokenizer_class": "LlamaTokenizerFast", "unk_token": null,
              "bos_token": {"__type": "AddedToken", "content": "<｜begin▁of▁sentence｜>", "normalized": true},
              "eos_token": {"__type": "AddedToken", "content": "<｜end▁of▁sentence｜>", "normalized": true}
            }
            """)!.AsObject();
        config["chat_template"] = Template;
        _directory.Write("tokenizer_config.json", config.ToJsonString());
        _tokenizer = DeepSeekTokenizer.Load(_directory.Path);
    }

    [OneTimeTearDown]
    public void Delete() => _directory.Dispose();

    [Test]
    public void Sentence_tokens_are_those_of_the_config()
    {
        Assert.That(_tokenizer.BosToken, Is.EqualTo(Bos));
        Assert.That(_tokenizer.EosToken, Is.EqualTo(Eos));
        Assert.That(_tokenizer.IsSpecial(Eos), Is.True);
        Assert.That(_tokenizer.VocabSize, Is.EqualTo(Eos + 1));
    }

    // Pieces, by hand: the| the|4|2|,| é|\n|th. Merged in them are t+h, then Ġ+th, then Ġth+e; 4+2 and ,+Ġ lie in no one piece, th+e is no
    // merge.
    [Test]
    public void Text_is_cut_and_merged_as_derived_by_hand()
    {
        string[] expected = ["th", "e", "Ġthe", "4", "2", ",", "Ġ", "Ã", "©", "Ċ", "th"];

        Assert.That(_tokenizer.Encode("the the42, é\nth", parseAddedTokens: false),
            Is.EqualTo(expected.Select(token => _tokenizer.FindToken(token))));
    }

    [Test]
    public void Added_tokens_are_cut_out_and_decoded()
    {
        int[] ids = _tokenizer.Encode("<｜begin▁of▁sentence｜>th<｜end▁of▁sentence｜>", parseAddedTokens: true);

        Assert.That(ids, Is.EqualTo((int[])[Bos, _tokenizer.FindToken("th")!.Value, Eos]));
        Assert.That(_tokenizer.Decode(ids, skipSpecial: true), Is.EqualTo("th"));
    }

    [Test]
    public void The_template_of_V2_renders()
    {
        PromptText prompt = ChatTemplate.Load(_directory.Path, _tokenizer).Render(
            [
                new Message(Role.System, "Be brief."), new Message(Role.User, "Hi"), new Message(Role.Assistant, "Hello."),
                new Message(Role.User, "Bye"),
            ],
            addGenerationPrompt: true);

        Assert.That(prompt.Text, Is.EqualTo(
            "<｜begin▁of▁sentence｜>Be brief.\n\nUser: Hi\n\nAssistant: Hello.<｜end▁of▁sentence｜>User: Bye\n\nAssistant:"));
    }

    private static string TokenizerJson()
    {
        JsonObject vocabulary = [];
        for (char symbol = '!'; symbol < 0x144; symbol++)
        {
            if (ByteAlphabet.ByteOf(symbol) is >= 0 and not (0xC0 or 0xC1 or >= 0xF5))
            {
                vocabulary[symbol.ToString()] = vocabulary.Count;
            }
        }

        Assert.That(vocabulary, Has.Count.EqualTo(ByteTokens));
        JsonArray merges = ["t h", "Ġ th", "Ġth e", "4 2", ", Ġ"];
        foreach (JsonNode? merge in merges)
        {
            vocabulary[merge!.GetValue<string>().Replace(" ", "", StringComparison.Ordinal)] = vocabulary.Count;
        }

        JsonObject root = JsonNode.Parse("""
            {
              "version": "1.0", "truncation": null, "padding": null,
              "added_tokens": [
                {
                  "id": 300, "content": "<｜begin▁of▁sentence｜>",
                  "single_word": false, "lstrip": false, "rstrip": false, "normalized": true, "special": true
                },
                {
                  "id": 301, "content": "<｜end▁of▁sentence｜>",
                  "single_word": false, "lstrip": false, "rstrip": false, "normalized": true, "special": true
                }
              ],
              "normalizer": {"type": "Sequence", "normalizers": []},
              "post_processor": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true},
              "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
              "model": {
                "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
                "fuse_unk": false, "byte_fallback": false
              }
            }
            """)!.AsObject();
        root["model"]!["vocab"] = vocabulary;
        root["model"]!["merges"] = merges;
        root["pre_tokenizer"] = JsonSerializer.SerializeToNode(PreTokenizerCases.Read("DeepSeek-V2").PreTokenizer);
        return root.ToJsonString();
    }
}
