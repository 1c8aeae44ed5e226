using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// Weight matrices as the device holds them: rows of <see cref="Pitch"/> 16-byte words, elements little-endian, the tail of a row zero.
/// The matrices of several experts follow each other, data and scales alike.
/// </summary>
internal struct WeightView
{
    /// <summary>Tokens that share a decoded weight: the components of a <see cref="Float4"/>.</summary>
    public const int TokenTile = 4;

    public required ArrayView<Quad> Data;

    /// <summary>[experts * ceil(Rows / BlockRows), ScaleColumns]; any valid view where the format has no scales.</summary>
    public required ArrayView<float> Scales;

    public required int Rows;
    public required int Columns;

    /// <summary>16-byte words a row.</summary>
    public required int Pitch;

    public required int BlockRows;
    public required int BlockColumns;
    public required int ScaleRows;
    public required int ScaleColumns;

    /// <summary>Where a row's scales begin.</summary>
    public readonly long ScaleRow(int expert, int row) => ((long)expert * ScaleRows + row / BlockRows) * ScaleColumns;

    /// <summary>W[row, column], decoded and scaled.</summary>
    public readonly float At<TWeight>(int row, int column)
        where TWeight : struct, IWeightFormat
    {
        Quad quad = Data[(long)row * Pitch + (column >> (TWeight.WordShift + 2))];
        int word = (column >> TWeight.WordShift) & 3;
        uint bits = word < 2 ? (word == 0 ? quad.X : quad.Y) : (word == 2 ? quad.Z : quad.W);
        float value = TWeight.Decode(bits, column & ((1 << TWeight.WordShift) - 1));
        if (TWeight.Scaled)
        {
            value *= Scales[ScaleRow(0, row) + column / BlockColumns];
        }

        return value;
    }

    /// <summary>
    /// This thread's share of W[expert, row] . x[token] for up to <see cref="TokenTile"/> tokens, over the words thread, thread +
    /// GroupSize, ... of the row.
    /// A token's share does not depend on how many tokens there are.
    /// </summary>
    public readonly Float4 Dot<TWeight, TPlatform>(int expert, int row, RowView x, int firstToken, int tokens)
        where TWeight : struct, IWeightFormat
        where TPlatform : struct, IPlatform
    {
        Float4 sum = default;
        long begin = ((long)expert * Rows + row) * Pitch;
        long scales = TWeight.Scaled ? ScaleRow(expert, row) : 0;
        long tokenBegin = x.Row(firstToken);
        for (int index = Group.IdxX; index < Pitch; index += TPlatform.GroupSize)
        {
            Quad quad = Data[begin + index];
            int column = index << (TWeight.WordShift + 2);
            sum += Word<TWeight>(quad.X, column, scales, x, tokenBegin, tokens);
            sum += Word<TWeight>(quad.Y, column + (1 << TWeight.WordShift), scales, x, tokenBegin, tokens);
            sum += Word<TWeight>(quad.Z, column + (2 << TWeight.WordShift), scales, x, tokenBegin, tokens);
            sum += Word<TWeight>(quad.W, column + (3 << TWeight.WordShift), scales, x, tokenBegin, tokens);
        }

        return sum;
    }

    private readonly Float4 Word<TWeight>(uint word, int column, long scales, RowView x, long tokenBegin, int tokens)
        where TWeight : struct, IWeightFormat
    {
        Float4 sum = default;
        int block = TWeight.Scaled ? column / BlockColumns : 0;
        int blockEnd = (block + 1) * BlockColumns;
        for (int lane = 0; lane < 1 << TWeight.WordShift; lane++)
        {
            if (column + lane < Columns)
            {
                float weight = TWeight.Decode(word, lane);
                if (TWeight.Scaled)
                {
                    if (column + lane == blockEnd)
                    {
                        block++;
                        blockEnd += BlockColumns;
                    }

                    weight *= Scales[scales + block];
                }

                long at = tokenBegin + column + lane;
                sum.X = Fused.MultiplyAdd(weight, x.Data[at], sum.X);
                if (tokens > 1)
                {
                    sum.Y = Fused.MultiplyAdd(weight, x.Data[at + x.Stride], sum.Y);
                }

                if (tokens > 2)
                {
                    sum.Z = Fused.MultiplyAdd(weight, x.Data[at + 2 * x.Stride], sum.Z);
                }

                if (tokens > 3)
                {
                    sum.W = Fused.MultiplyAdd(weight, x.Data[at + 3 * x.Stride], sum.W);
                }
            }
        }

        return sum;
    }
}
