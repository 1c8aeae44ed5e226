using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>Four rows of four values, in registers.</summary>
internal struct Float4x4
{
    public Float4 A;
    public Float4 B;
    public Float4 C;
    public Float4 D;

    /// <summary>sums[i][j] + a[i] . b[j].</summary>
    public static Float4x4 AddDots(Float4x4 sums, Float4x4 a, Float4x4 b) => new()
    {
        A = AddDots(sums.A, a.A, b),
        B = AddDots(sums.B, a.B, b),
        C = AddDots(sums.C, a.C, b),
        D = AddDots(sums.D, a.D, b),
    };

    /// <summary>sums[i][j] + column[i] * row[j].</summary>
    public static Float4x4 AddOuter(Float4x4 sums, Float4 column, Float4 row) => new()
    {
        A = Quads.AddScaled(sums.A, column.X, row),
        B = Quads.AddScaled(sums.B, column.Y, row),
        C = Quads.AddScaled(sums.C, column.Z, row),
        D = Quads.AddScaled(sums.D, column.W, row),
    };

    /// <summary>rows[i][j] * column[i].</summary>
    public static Float4x4 Scale(Float4x4 rows, Float4 column) => new()
    {
        A = Quads.Scale(rows.A, column.X),
        B = Quads.Scale(rows.B, column.Y),
        C = Quads.Scale(rows.C, column.Z),
        D = Quads.Scale(rows.D, column.W),
    };

    private static Float4 AddDots(Float4 sums, Float4 a, Float4x4 b) => new()
    {
        X = AddDot(sums.X, a, b.A),
        Y = AddDot(sums.Y, a, b.B),
        Z = AddDot(sums.Z, a, b.C),
        W = AddDot(sums.W, a, b.D),
    };

    private static float AddDot(float sum, Float4 a, Float4 b)
        => Fused.MultiplyAdd(a.W, b.W, Fused.MultiplyAdd(a.Z, b.Z, Fused.MultiplyAdd(a.Y, b.Y, Fused.MultiplyAdd(a.X, b.X, sum))));
}

/// <summary>Four neighbouring values at once: one 128-bit access wherever rows begin at multiples of 16 bytes.</summary>
internal static class Quads
{
    public static int Count(int width) => (width + 3) >> 2;

    /// <summary>
    /// The four values from <paramref name="at"/>, zeros after the first <paramref name="left"/> of them. With
    /// <paramref name="aligned"/> = 1, at and left are multiples of four.
    /// </summary>
    public static Float4 Load(ArrayView<float> data, long at, int left, int aligned)
    {
        if (aligned == 1)
        {
            return data.Cast<Float4>()[at >> 2];
        }

        Float4 quad = default;
        if (left > 0)
        {
            quad.X = data[at];
        }

        if (left > 1)
        {
            quad.Y = data[at + 1];
        }

        if (left > 2)
        {
            quad.Z = data[at + 2];
        }

        if (left > 3)
        {
            quad.W = data[at + 3];
        }

        return quad;
    }

    /// <summary>Writes the first <paramref name="left"/> values of four; the counterpart of <see cref="Load"/>.</summary>
    public static void Store(ArrayView<float> data, long at, int left, int aligned, Float4 quad)
    {
        if (aligned == 1)
        {
            data.Cast<Float4>()[at >> 2] = quad;
        }
        else
        {
            if (left > 0)
            {
                data[at] = quad.X;
            }

            if (left > 1)
            {
                data[at + 1] = quad.Y;
            }

            if (left > 2)
            {
                data[at + 2] = quad.Z;
            }

            if (left > 3)
            {
                data[at + 3] = quad.W;
            }
        }
    }

    /// <summary>sum + factor * row.</summary>
    public static Float4 AddScaled(Float4 sum, float factor, Float4 row) => new()
    {
        X = Fused.MultiplyAdd(factor, row.X, sum.X),
        Y = Fused.MultiplyAdd(factor, row.Y, sum.Y),
        Z = Fused.MultiplyAdd(factor, row.Z, sum.Z),
        W = Fused.MultiplyAdd(factor, row.W, sum.W),
    };

    /// <summary>sum[j] + row[j]^2.</summary>
    public static Float4 AddSquares(Float4 sum, Float4 row) => new()
    {
        X = Fused.MultiplyAdd(row.X, row.X, sum.X),
        Y = Fused.MultiplyAdd(row.Y, row.Y, sum.Y),
        Z = Fused.MultiplyAdd(row.Z, row.Z, sum.Z),
        W = Fused.MultiplyAdd(row.W, row.W, sum.W),
    };

    public static Float4 Scale(Float4 row, float factor)
        => new() { X = row.X * factor, Y = row.Y * factor, Z = row.Z * factor, W = row.W * factor };

    public static Float4 Divide(Float4 row, float divisor)
        => new() { X = row.X / divisor, Y = row.Y / divisor, Z = row.Z / divisor, W = row.W / divisor };
}
