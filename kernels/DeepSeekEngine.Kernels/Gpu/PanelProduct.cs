using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>Which tokens a group multiplies with: where the rows of up to four begin.</summary>
internal struct TokenTile
{
    public long A;
    public long B;
    public long C;
    public long D;

    /// <summary>How many there are, at least one.</summary>
    public int Count;

    /// <summary>Rows <paramref name="first"/> and following, as many as there are until <paramref name="end"/>.</summary>
    public static TokenTile Following(RowView x, int first, int end) => new()
    {
        A = x.Row(first),
        B = x.Row(first + 1),
        C = x.Row(first + 2),
        D = x.Row(first + 3),
        Count = end - first < WeightView.TokenTile ? end - first : WeightView.TokenTile,
    };
}

/// <summary>
/// W[row] . x[token] for a panel of 16 rows and a tile of tokens, every weight read and decoded once for all of them. A thread takes four
/// rows, thread % 4, and the chunks thread / 4, thread / 4 + GroupSize / 4, ... of each; what the threads have is added by one tree. So a
/// token's sum depends neither on how many tokens there are nor on where in a tile it is.
/// </summary>
internal static class PanelProduct
{
    /// <summary>Elements of shared memory for <see cref="Run"/>, its results included: [16 rows, GroupSize / 4].</summary>
    public static int ScratchLength(int groupSize) => groupSize << 2;

    /// <summary>
    /// The sums of row i of the panel, one a token, in <c>scratch[i * GroupSize / 4]</c>, visible to all threads; all must call it.
    /// </summary>
    public static void Run<TWeight, TPlatform>(
        WeightView weights, int expert, int panel, ArrayView<float> x, TokenTile tokens, ArrayView<Float4> scratch)
        where TWeight : struct, IWeightFormat
        where TPlatform : struct, IPlatform
        => Run<TWeight, TPlatform, PlainRows>(weights, expert, panel, x, tokens, default, scratch);

    /// <summary>The same of what <paramref name="input"/> makes of the rows of x.</summary>
    public static void Run<TWeight, TPlatform, TInput>(
        WeightView weights, int expert, int panel, ArrayView<float> x, TokenTile tokens, TInput input, ArrayView<Float4> scratch)
        where TWeight : struct, IWeightFormat
        where TPlatform : struct, IPlatform
        where TInput : struct, IRowInput<TInput>
    {
        int lanes = TPlatform.GroupSize >> 2;
        int lane = Group.IdxX >> 2;
        Rows4<Float4> sums = Share<TWeight, TInput>(
            weights, expert, (panel << 2) + (Group.IdxX & 3), lane, lanes, x, tokens, input);
        int at = (Group.IdxX & 3) * (lanes << 2) + lane;
        Group.Barrier();
        scratch[at] = sums.A;
        scratch[at + lanes] = sums.B;
        scratch[at + 2 * lanes] = sums.C;
        scratch[at + 3 * lanes] = sums.D;
        Group.Barrier();
        for (int stride = lanes >> 1; stride > 0; stride >>= 1)
        {
            if (lane < stride)
            {
                scratch[at] += scratch[at + stride];
                scratch[at + lanes] += scratch[at + lanes + stride];
                scratch[at + 2 * lanes] += scratch[at + 2 * lanes + stride];
                scratch[at + 3 * lanes] += scratch[at + 3 * lanes + stride];
            }

            Group.Barrier();
        }
    }

    private static Rows4<Float4> Share<TWeight, TInput>(
        WeightView weights, int expert, int rowQuad, int firstChunk, int stride, ArrayView<float> x, TokenTile tokens, TInput input)
        where TWeight : struct, IWeightFormat
        where TInput : struct, IRowInput<TInput>
    {
        Rows4<Float4> sums = default;
        Rows4<long> begin = weights.Begin<TWeight>(expert, rowQuad);
        Rows4<long> beginScales = default;
        if (TWeight.Scaled && !TWeight.Packed)
        {
            beginScales = weights.BeginScales(expert, rowQuad);
        }

        int chunks = weights.Chunks<TWeight>();
        for (int chunk = firstChunk; chunk < chunks; chunk += stride)
        {
            Rows4<Quad> loaded = weights.Load<TWeight>(begin, rowQuad, chunk);
            Rows4<Float4> part = TWeight.Scaled ? default : sums;
            int column = chunk << TWeight.ChunkShift;
            part = Part<TWeight, TInput>(part, loaded, 0, x, column, weights.Columns, tokens, input);
            if (TWeight.ChunkShift > 2)
            {
                part = Part<TWeight, TInput>(part, loaded, 1, x, column + 4, weights.Columns, tokens, input);
            }

            if (TWeight.ChunkShift > 3)
            {
                part = Part<TWeight, TInput>(part, loaded, 2, x, column + 8, weights.Columns, tokens, input);
                part = Part<TWeight, TInput>(part, loaded, 3, x, column + 12, weights.Columns, tokens, input);
            }

            if (TWeight.Scaled)
            {
                Float4 scales = weights.ChunkScales<TWeight>(begin, beginScales, rowQuad, chunk);
                sums.A = AddScaled(sums.A, scales.X, part.A);
                sums.B = AddScaled(sums.B, scales.Y, part.B);
                sums.C = AddScaled(sums.C, scales.Z, part.C);
                sums.D = AddScaled(sums.D, scales.W, part.D);
            }
            else
            {
                sums = part;
            }
        }

        return sums;
    }

    /// <summary>Four rows by four columns, for every token.</summary>
    private static Rows4<Float4> Part<TWeight, TInput>(
        Rows4<Float4> sums, Rows4<Quad> loaded, int part, ArrayView<float> x, int column, int columns, TokenTile tokens, TInput input)
        where TWeight : struct, IWeightFormat
        where TInput : struct, IRowInput<TInput>
    {
        Float4 a = TWeight.Decode(loaded.A, part);
        Float4 b = TWeight.Decode(loaded.B, part);
        Float4 c = TWeight.Decode(loaded.C, part);
        Float4 d = TWeight.Decode(loaded.D, part);
        Float4 values = TInput.Take(input, Load(x, tokens.A, column, columns), 0, column, columns);
        sums.A.X += Dot(a, values);
        sums.B.X += Dot(b, values);
        sums.C.X += Dot(c, values);
        sums.D.X += Dot(d, values);
        if (tokens.Count > 1)
        {
            values = TInput.Take(input, Load(x, tokens.B, column, columns), 1, column, columns);
            sums.A.Y += Dot(a, values);
            sums.B.Y += Dot(b, values);
            sums.C.Y += Dot(c, values);
            sums.D.Y += Dot(d, values);
        }

        if (tokens.Count > 2)
        {
            values = TInput.Take(input, Load(x, tokens.C, column, columns), 2, column, columns);
            sums.A.Z += Dot(a, values);
            sums.B.Z += Dot(b, values);
            sums.C.Z += Dot(c, values);
            sums.D.Z += Dot(d, values);
        }

        if (tokens.Count > 3)
        {
            values = TInput.Take(input, Load(x, tokens.D, column, columns), 3, column, columns);
            sums.A.W += Dot(a, values);
            sums.B.W += Dot(b, values);
            sums.C.W += Dot(c, values);
            sums.D.W += Dot(d, values);
        }

        return sums;
    }

    /// <summary>Four values of a row, zero where it has ended.</summary>
    public static Float4 Load(ArrayView<float> x, long row, int column, int columns)
    {
        Float4 values = default;
        long at = row + column;
        if (column + 4 <= columns)
        {
            values.X = x[at];
            values.Y = x[at + 1];
            values.Z = x[at + 2];
            values.W = x[at + 3];
        }
        else
        {
            if (column < columns)
            {
                values.X = x[at];
            }

            if (column + 1 < columns)
            {
                values.Y = x[at + 1];
            }

            if (column + 2 < columns)
            {
                values.Z = x[at + 2];
            }
        }

        return values;
    }

    /// <summary>In pairs, since short chains round less than one of as many columns as a thread has.</summary>
    private static float Dot(Float4 weights, Float4 values)
        => Fused.MultiplyAdd(weights.X, values.X, weights.Y * values.Y) + Fused.MultiplyAdd(weights.Z, values.Z, weights.W * values.W);

    private static Float4 AddScaled(Float4 sums, float scale, Float4 part) => new()
    {
        X = Fused.MultiplyAdd(scale, part.X, sums.X),
        Y = Fused.MultiplyAdd(scale, part.Y, sums.Y),
        Z = Fused.MultiplyAdd(scale, part.Z, sums.Z),
        W = Fused.MultiplyAdd(scale, part.W, sums.W),
    };
}
