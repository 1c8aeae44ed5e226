namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// How the positions a token sees are divided into splits that different groups work on. It depends on the token's position and the
/// shape alone, so a token's result is the same in any step.
/// </summary>
internal static class AttentionSplits
{
    /// <summary>Splits of fewer positions weigh more than they gain: each leaves a partial result behind.</summary>
    private const int Shortest = 64;

    /// <summary>Groups that keep a large device busy with one token.</summary>
    private const int Groups = 512;

    /// <summary>Splits a token of a model with few head tiles has at most, as somebody must join them.</summary>
    public const int MostOfFewHeads = 256;

    /// <summary>Splits a token has at most.</summary>
    /// <param name="headTiles"><see cref="CachedAttention.HeadTiles"/>.</param>
    public static int Most(int headTiles)
    {
        int most = Groups / headTiles;
        most = most < MostOfFewHeads ? most : MostOfFewHeads;
        return most > 1 ? most : 1;
    }

    /// <summary>Positions a split of a token at this position has, the last one perhaps fewer.</summary>
    public static int Length(int position, int most) => (position / (most * Shortest) + 1) * Shortest;

    /// <summary>Splits of a token at this position.</summary>
    public static int Count(int position, int most) => position / Length(position, most) + 1;
}
