namespace DeepSeekEngine.Kernels.Cpu.Scalar;

/// <summary>One stored element at a time, by the definition of its encoding.</summary>
internal static unsafe class ScalarWeights
{
    /// <summary>W[row, column].</summary>
    public static double Decode(in WeightMatrix matrix, int row, int column)
    {
        if (matrix.IsPacked)
        {
            (float scale, int integer) = ScalarPacked.Element(matrix, row, column);
            return (double)scale * integer;
        }

        long index = (long)row * matrix.Columns + column;
        return matrix.Encoding switch
        {
            WeightEncoding.F32 => ((float*)matrix.Data)[index],
            WeightEncoding.F16 => (double)((Half*)matrix.Data)[index],
            WeightEncoding.BF16 => BitConverter.UInt32BitsToSingle((uint)((ushort*)matrix.Data)[index] << 16),
            WeightEncoding.F8E4M3 => DecodeE4M3(matrix.Data[index])
                * matrix.Scales[(long)(row / matrix.BlockRows) * matrix.ScaleColumns + column / matrix.BlockColumns],
            _ => throw new ArgumentOutOfRangeException(nameof(matrix)),
        };
    }

    /// <summary>(-1)^s 2^(e - 7) (1 + m / 8), or (-1)^s 2^-6 m / 8 where e is 0; NaN where e and m are all ones.</summary>
    public static double DecodeE4M3(byte value)
    {
        int exponent = (value >> 3) & 15;
        int fraction = value & 7;
        if (exponent == 15 && fraction == 7)
        {
            return double.NaN;
        }

        double magnitude = exponent == 0 ? Math.ScaleB(fraction, -9) : Math.ScaleB(8 + fraction, exponent - 10);
        return (value & 0x80) == 0 ? magnitude : -magnitude;
    }
}
