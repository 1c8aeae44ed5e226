using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// Positions and block tables of a step. The cache row of position p in sequence s is
/// BlockTables[s * BlockTableStride + p / BlockSize] * BlockSize + p % BlockSize.
/// </summary>
internal struct TokenView
{
    public required ArrayView<int> Positions;
    public required ArrayView<int> Sequences;
    public required ArrayView<int> BlockTables;
    public required int BlockTableStride;
    public required int BlockSize;
    public required int First;

    /// <summary>The tokens from <paramref name="first"/> on.</summary>
    public readonly TokenView From(int first) => this with { First = First + first };

    public readonly int Position(int token) => Positions[First + token];

    /// <summary>The cache row of a position in the sequence a token belongs to.</summary>
    public readonly long CacheRow(int token, int position)
    {
        int block = position / BlockSize;
        long entry = (long)Sequences[First + token] * BlockTableStride + block;
        return (long)BlockTables[entry] * BlockSize + (position - block * BlockSize);
    }
}
