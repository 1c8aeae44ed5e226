namespace DeepSeekEngine.Tokenizer;

/// <summary>
/// Finds the token that a piece of text is as a whole. Tokenizers that say "ignore_merges", as Llama-3's, take it before they try to merge:
/// to some of their tokens no merges lead.
/// </summary>
/// <param name="vocabulary">The tokens, written in <see cref="ByteAlphabet"/>.</param>
/// <param name="maxTokenBytes">The length of the longest of them in bytes.</param>
internal sealed class WholePieces(Dictionary<string, int> vocabulary, int maxTokenBytes)
{
    private const int MaxStackBytes = 512;

    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _vocabulary
        = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();

    public bool TryGet(ReadOnlySpan<byte> piece, out int token)
    {
        token = 0;
        if (piece.Length > maxTokenBytes)
        {
            return false;
        }

        Span<char> symbols = piece.Length <= MaxStackBytes ? stackalloc char[piece.Length] : new char[piece.Length];
        for (int i = 0; i < piece.Length; i++)
        {
            symbols[i] = ByteAlphabet.SymbolOf(piece[i]);
        }

        return _vocabulary.TryGetValue(symbols, out token);
    }
}
