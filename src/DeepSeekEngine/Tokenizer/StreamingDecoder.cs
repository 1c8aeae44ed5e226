using System.Text;

namespace DeepSeekEngine.Tokenizer;

/// <summary>
/// Turns tokens into text as they come. A token may end inside a character; its bytes wait for the rest. Bytes that can be no character
/// become U+FFFD, and all that is returned, <see cref="Flush"/> included, is together what <see cref="DeepSeekTokenizer.Decode"/> returns.
/// Allocates the returned strings only.
/// </summary>
internal sealed class StreamingDecoder(DeepSeekTokenizer tokenizer)
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    private readonly char[] _characters = new char[Encoding.UTF8.GetMaxCharCount(tokenizer.MaxTokenBytes)];

    /// <summary>Adds a token; returns the text it completes, which may be empty.</summary>
    public string Append(int id) => Convert(tokenizer.TokenBytes(id), flush: false);

    /// <summary>Ends the text: a character that is still incomplete is returned as U+FFFD. The decoder is ready for another text.</summary>
    public string Flush() => Convert([], flush: true);

    private string Convert(ReadOnlySpan<byte> bytes, bool flush)
    {
        int count = _decoder.GetChars(bytes, _characters, flush);
        return count == 0 ? "" : new string(_characters, 0, count);
    }
}
