using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using DeepSeekEngine.Runtime;
using DeepSeekEngine.Tests.Tokenizer;
using DeepSeekEngine.Tokenizer;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Runtime;

public sealed class ResponseTextTests
{
    /// <summary>The distilled models have the tags under other numbers than R1, and a file may mark them special or not.</summary>
    [Test]
    public void Reasoning_is_told_apart_by_the_tags_that_the_file_has(
        [Values(DistillCases.Qwen, DistillCases.Own)] string name, [Values] bool special)
    {
        using TemporaryDirectory directory = new();
        JsonObject root = JsonNode.Parse(File.ReadAllBytes(Path.Combine(DistillCases.Directory(name), "tokenizer.json")))!.AsObject();
        foreach (JsonNode? token in root["added_tokens"]!.AsArray())
        {
            if (token!["content"]!.GetValue<string>() is "<think>" or "</think>")
            {
                token["special"] = special;
            }
        }

        directory.Write("tokenizer.json",
            root.ToJsonString(new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
        DeepSeekTokenizer tokenizer = DeepSeekTokenizer.Load(directory.Path);
        Assert.That(tokenizer.IsSpecial(tokenizer.FindToken("</think>")!.Value), Is.EqualTo(special));

        Channel<GenerationChunk> chunks = Channel.CreateUnbounded<GenerationChunk>();
        ResponseText text = new(tokenizer, new ThinkSplitter(startsInReasoning: false), new StopSequences([]));
        foreach (int token in tokenizer.Encode("<think>\nWhy é?\n</think>\n\nBecause 😀.<｜end▁of▁sentence｜>", parseAddedTokens: true))
        {
            text.Append(token, chunks.Writer);
        }

        text.Complete(chunks.Writer, FinishReason.EndOfText, new Usage());
        chunks.Writer.Complete();
        List<GenerationChunk> all = [];
        while (chunks.Reader.TryRead(out GenerationChunk? chunk))
        {
            all.Add(chunk);
        }

        Assert.That(Joined(ChunkKind.Reasoning), Is.EqualTo("Why é?"));
        Assert.That(Joined(ChunkKind.Answer), Is.EqualTo("Because 😀."));

        string Joined(ChunkKind kind) => string.Concat(all.Where(chunk => chunk.Kind == kind).Select(chunk => chunk.Text));
    }
}
