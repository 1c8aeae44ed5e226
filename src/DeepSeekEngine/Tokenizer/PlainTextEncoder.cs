using System.Text;
using DeepSeekEngine.Tokenizer.Normalization;

namespace DeepSeekEngine.Tokenizer;

/// <summary>Encodes text without added tokens, appending to <paramref name="ids"/>; holds the scratch memory of one prompt.</summary>
/// <param name="composes">Whether text is brought into Normalization Form C first.</param>
/// <param name="preTokenizer">Cuts the text into pieces.</param>
/// <param name="wholePieces">Finds pieces that are tokens as they are; null where all pieces are merged.</param>
/// <param name="merges">The merges.</param>
/// <param name="ids">Receives the tokens.</param>
internal sealed class PlainTextEncoder(
    bool composes, IPreTokenizer preTokenizer, WholePieces? wholePieces, MergeTable merges, List<int> ids)
{
    private readonly BytePairEncoder _encoder = new(merges);

    private readonly List<int> _ends = [];

    private byte[] _bytes = new byte[256];

    public void Encode(ReadOnlySpan<char> text)
    {
        if (composes)
        {
            text = CanonicalComposition.Normalize(text);
        }

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
            ReadOnlySpan<byte> bytes = _bytes.AsSpan(0, length);
            if (wholePieces is not null && wholePieces.TryGet(bytes, out int token))
            {
                ids.Add(token);
            }
            else
            {
                _encoder.Encode(bytes, ids);
            }

            start = end;
        }
    }
}
