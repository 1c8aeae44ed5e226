using System.Text;
using DeepSeekEngine.Tokenizer;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Tokenizer;

public sealed class StreamingDecoderTests
{
    [TestCaseSource(typeof(Cases), nameof(Cases.Streaming))]
    public void Characters_wait_until_they_are_whole(string directory, StreamCase expected)
    {
        DeepSeekTokenizer tokenizer = Cases.Tokenizer(directory);
        StreamingDecoder decoder = new(tokenizer);
        StringBuilder text = new();
        List<byte> bytes = [];
        for (int i = 0; i < expected.Ids.Length; i++)
        {
            Assert.That(Convert.ToHexStringLower(tokenizer.TokenBytes(expected.Ids[i])), Is.EqualTo(expected.TokenBytesHex[i]));
            bytes.AddRange(tokenizer.TokenBytes(expected.Ids[i]));
            text.Append(decoder.Append(expected.Ids[i]));

            Assert.That(text.ToString(), Is.EqualTo(WholeCharacters([.. bytes])));
        }

        Assert.That(decoder.Flush(), Is.Empty);
        Assert.That(text.ToString(), Is.EqualTo(expected.Text));
    }

    [Test]
    public void Pieces_of_random_tokens_together_are_what_decode_returns([Range(0, 4)] int seed)
    {
        // Byte tokens are the first 256 after the three of the sentence: half of what is drawn is no UTF-8.
        DeepSeekTokenizer tokenizer = Cases.R1;
        StreamingDecoder decoder = new(tokenizer);
        Random random = new(seed);
        for (int round = 0; round < 200; round++)
        {
            IEnumerable<int> drawn = Enumerable.Range(0, random.Next(1, 30))
                .Select(_ => random.Next(3) == 0 ? random.Next(130_000) : random.Next(3, 259));
            int[] ids = [.. drawn];
            string text = string.Concat(ids.Select(decoder.Append)) + decoder.Flush();

            Assert.That(text, Is.EqualTo(tokenizer.Decode(ids, skipSpecial: false)));
        }
    }

    // Expectations are what Python's bytes.decode('utf8', 'replace') returns.
    [TestCase("F09F98", "\uFFFD")]
    [TestCase("F09F9841", "\uFFFDA")]
    [TestCase("C0AF", "\uFFFD\uFFFD")]
    [TestCase("EDA080", "\uFFFD\uFFFD\uFFFD")]
    [TestCase("E28028", "\uFFFD(")]
    [TestCase("F5808080", "\uFFFD\uFFFD\uFFFD\uFFFD")]
    [TestCase("80C3A9", "\uFFFDé")]
    [TestCase("F0909F4180", "\uFFFDA\uFFFD")]
    public void Invalid_bytes_become_replacement_characters_as_in_Python(string hex, string expected)
    {
        DeepSeekTokenizer tokenizer = Cases.R1;
        int[] ids = [.. Convert.FromHexString(hex).Select(b => ByteToken(tokenizer, b))];
        StreamingDecoder decoder = new(tokenizer);

        Assert.That(tokenizer.Decode(ids, skipSpecial: false), Is.EqualTo(expected));
        Assert.That(string.Concat(ids.Select(decoder.Append)) + decoder.Flush(), Is.EqualTo(expected));
    }

    [Test]
    public void Only_the_returned_strings_are_allocated()
    {
        DeepSeekTokenizer tokenizer = Cases.R1;
        StreamingDecoder decoder = new(tokenizer);
        int[] incomplete = [.. new byte[] { 0xF0, 0x9F, 0x98 }.Select(b => ByteToken(tokenizer, b))];
        int last = ByteToken(tokenizer, 0x80);
        string warm = Round();

        long before = GC.GetAllocatedBytesForCurrentThread();
        string text = Round();
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.That(text, Is.EqualTo("\U0001F600").And.EqualTo(warm));
        Assert.That(allocated, Is.LessThanOrEqualTo(32));

        string Round()
        {
            foreach (int id in incomplete)
            {
                decoder.Append(id);
            }

            return decoder.Append(last);
        }
    }

    private static int ByteToken(DeepSeekTokenizer tokenizer, byte value)
        => Enumerable.Range(3, 256).Single(id => tokenizer.TokenBytes(id).SequenceEqual([value]));

    /// <summary>The text of all characters whose last byte is there.</summary>
    private static string WholeCharacters(byte[] bytes)
    {
        int length = bytes.Length;
        while (Rune.DecodeLastFromUtf8(bytes.AsSpan(0, length), out _, out int consumed) != System.Buffers.OperationStatus.Done
            && length > 0)
        {
            length -= consumed;
        }

        return Encoding.UTF8.GetString(bytes, 0, length);
    }
}
