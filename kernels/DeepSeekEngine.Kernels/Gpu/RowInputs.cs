using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>What a product makes of the rows it reads.</summary>
internal interface IRowInput<TSelf>
    where TSelf : struct, IRowInput<TSelf>
{
    /// <summary>Four values of the tile's token <paramref name="tile"/>, those from <paramref name="column"/> on.</summary>
    static abstract Float4 Take(TSelf input, Float4 values, int tile, int column, int columns);
}

/// <summary>Rows as they are.</summary>
internal struct PlainRows : IRowInput<PlainRows>
{
    public static Float4 Take(PlainRows input, Float4 values, int tile, int column, int columns) => values;
}

/// <summary>Rows after <see cref="RmsNorm"/>, with the bits it would have written.</summary>
internal struct NormedRows : IRowInput<NormedRows>
{
    public ArrayView<float> Weight;

    /// <summary>A scale a token of the tile, in two parts.</summary>
    public Float4 Scales;

    public Float4 Rests;

    public readonly NormScale At(int tile) => new() { Scale = Scales.At(tile), Rest = Rests.At(tile) };

    public static Float4 Take(NormedRows input, Float4 values, int tile, int column, int columns)
    {
        Float4 weights = PanelProduct.Load(input.Weight, 0, column, columns);
        NormScale scale = input.At(tile);
        return new()
        {
            X = RmsNorm.Apply(weights.X, scale, values.X),
            Y = RmsNorm.Apply(weights.Y, scale, values.Y),
            Z = RmsNorm.Apply(weights.Z, scale, values.Z),
            W = RmsNorm.Apply(weights.W, scale, values.W),
        };
    }
}

/// <summary>Rows that are to be normalised while they are read, instead of by a launch of their own.</summary>
internal struct NormView
{
    public required RowView X;
    public required ArrayView<float> Weight;
    public required float Epsilon;
    public required int Width;
    public required int Aligned;

    /// <summary>The rows of a tile; to be called by all threads of a group.</summary>
    /// <param name="scratch">GroupSize elements of shared memory.</param>
    public readonly NormedRows Rows<TPlatform>(TokenTile tokens, ArrayView<float> scratch)
        where TPlatform : struct, IPlatform
    {
        NormedRows rows = default;
        rows.Weight = Weight;
        NormScale scale = RmsNorm.Scale<TPlatform>(X.Data, tokens.A, Epsilon, Width, Aligned, scratch);
        rows.Scales.X = scale.Scale;
        rows.Rests.X = scale.Rest;
        if (tokens.Count > 1)
        {
            scale = RmsNorm.Scale<TPlatform>(X.Data, tokens.B, Epsilon, Width, Aligned, scratch);
            rows.Scales.Y = scale.Scale;
            rows.Rests.Y = scale.Rest;
        }

        if (tokens.Count > 2)
        {
            scale = RmsNorm.Scale<TPlatform>(X.Data, tokens.C, Epsilon, Width, Aligned, scratch);
            rows.Scales.Z = scale.Scale;
            rows.Rests.Z = scale.Rest;
        }

        if (tokens.Count > 3)
        {
            scale = RmsNorm.Scale<TPlatform>(X.Data, tokens.D, Epsilon, Width, Aligned, scratch);
            rows.Scales.W = scale.Scale;
            rows.Rests.W = scale.Rest;
        }

        return rows;
    }

    /// <summary>Writes the normalised rows of a tile, each group of <paramref name="groups"/> its share of the columns.</summary>
    public readonly void Store<TPlatform>(NormedRows rows, RowView normed, int token, int tokens, int group, int groups)
        where TPlatform : struct, IPlatform
    {
        for (int column = group * TPlatform.GroupSize + Group.IdxX; column < Width; column += groups * TPlatform.GroupSize)
        {
            for (int tile = 0; tile < tokens; tile++)
            {
                float value = X.Data[X.Row(token + tile) + column];
                normed.Data[normed.Row(token + tile) + column] = RmsNorm.Apply(Weight[column], rows.At(tile), value);
            }
        }
    }
}
