namespace DeepSeekEngine.Tokenizer;

/// <summary>
/// What two neighbouring tokens become, and how early in training they did so: the lower the rank, the sooner they are merged.
/// </summary>
internal readonly record struct Merge(int Rank, int Token);

/// <summary>The merges of a byte-level BPE model by the pair of tokens they join, and the token of every byte.</summary>
internal sealed class MergeTable(int[] byteTokens, Dictionary<ulong, Merge> merges)
{
    public int TokenOf(byte value) => byteTokens[value];

    public bool TryGet(int left, int right, out Merge merge) => merges.TryGetValue(Key(left, right), out merge);

    /// <summary>
    /// The pair as one number, multiplied by an odd one, which loses nothing: a dictionary hashes a number by the exclusive or of its
    /// halves, and that would put all pairs of equal tokens in one bucket.
    /// </summary>
    public static ulong Key(int left, int right) => unchecked((((ulong)(uint)left << 32) | (uint)right) * 0x9E3779B97F4A7C15);
}
