using System.Text;

namespace DeepSeekEngine.Tokenizer;

/// <summary>Encodes text without added tokens, appending to <paramref name="ids"/>; holds the scratch memory of one prompt.</summary>
internal sealed class PlainTextEncoder(IPreTokenizer preTokenizer, MergeTable merges, List<int> ids)
{
    private readonly BytePairEncoder _encoder = new(merges);

    private readonly List<int> _ends = [];

    private byte[] _bytes = new byte[256];

    public void Encode(ReadOnlySpan<char> text)
    {
        _ends.Clear();
        preTokenizer.Split(text, _ends);
        int start = 0;
        foreach (int end in _ends)
        {
            ReadOnlySpan<char> piece = text[start..end];
            int length = Encoding.UTF8.GetByteCount(piece);
            if (_bytes.Length < length)
            {
                _bytes = new byte[Math.Max(length, 2 * _bytes.Length)];
            }

            Encoding.UTF8.GetBytes(piece, _bytes);
            _encoder.Encode(_bytes.AsSpan(0, length), ids);
            start = end;
        }
    }
}
