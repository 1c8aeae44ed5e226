using DeepSeekEngine.Testing;
using DeepSeekEngine.Tokenizer;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Tokenizer;

public sealed class TokenTests
{
    [Test]
    public void R1_has_its_published_tokens()
    {
        DeepSeekTokenizer tokenizer = Cases.R1;

        Assert.That(tokenizer.VocabSize, Is.EqualTo(128_815));
        Assert.That(tokenizer.BosToken, Is.EqualTo(0));
        Assert.That(tokenizer.EosToken, Is.EqualTo(1));
        Assert.That(tokenizer.FindToken("<think>"), Is.EqualTo(128_798));
        Assert.That(tokenizer.FindToken("</think>"), Is.EqualTo(128_799));
        Assert.That(tokenizer.FindToken("<｜User｜>"), Is.EqualTo(128_803));
        Assert.That(tokenizer.FindToken("<nothing>"), Is.Null);
    }

    [Test]
    public void Only_tokens_marked_special_are_special()
    {
        DeepSeekTokenizer tokenizer = Cases.R1;

        Assert.That(tokenizer.IsSpecial(1), Is.True);
        Assert.That(tokenizer.IsSpecial(128_805), Is.True);
        Assert.That(tokenizer.IsSpecial(128_798), Is.False);
        Assert.That(tokenizer.IsSpecial(128_803), Is.False);
        Assert.That(tokenizer.IsSpecial(500), Is.False);
    }

    [TestCase(128_815)]
    [TestCase(129_279)]
    [TestCase(int.MaxValue)]
    [TestCase(-1)]
    public void What_is_no_token_has_no_bytes(int id)
    {
        Assert.That(Cases.R1.TokenBytes(id).Length, Is.Zero);
        Assert.That(Cases.R1.Decode([id], skipSpecial: false), Is.Empty);
    }

    [Test]
    public void The_byte_tokens_are_the_256_bytes()
    {
        byte[] bytes = [.. Enumerable.Range(3, 256).SelectMany(id => Cases.R1.TokenBytes(id).ToArray()).Order()];

        Assert.That(bytes, Is.EqualTo(Enumerable.Range(0, 256)));
    }

    [Test]
    public void Tiny_r1_encodes_a_problem_it_was_trained_on_and_back()
    {
        DeepSeekTokenizer tokenizer = DeepSeekTokenizer.Load(TestPaths.TinyR1);
        string line = File.ReadLines(Path.Combine(TestPaths.TinyR1, "eval.jsonl")).First();

        int[] ids = tokenizer.Encode(line, parseAddedTokens: false);

        Assert.That(ids, Is.All.InRange(3, 750));
        Assert.That(tokenizer.Decode(ids, skipSpecial: true), Is.EqualTo(line));
    }
}
