using System.Runtime.Intrinsics;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// E4M3 in blocks of one scale. Decoding is a shift, a mask and one product: the bits as binary32 are the value times 2^-120, and
/// (w * 2^-120) * (scale * 2^120) is rounded once, just as w * scale. What that leaves out is seen to here: NaN, and scales that
/// are too large to be multiplied by 2^120.
/// </summary>
internal static unsafe class Float8
{
    /// <summary>From here on scale * 2^120 is not finite.</summary>
    private const float LargeScale = 128;

    /// <summary>Whether scale * 2^120 is finite; false of NaN.</summary>
    public static bool IsFoldable(float scale) => MathF.Abs(scale) < LargeScale;

    /// <summary>Whether all scales of the rows are.</summary>
    public static bool AreFoldable(in WeightMatrix matrix, int row, int rows)
    {
        long first = (long)(row / matrix.BlockRows) * matrix.ScaleColumns;
        long end = ((long)((row + rows - 1) / matrix.BlockRows) + 1) * matrix.ScaleColumns;
        for (long i = first; i < end; i++)
        {
            if (!IsFoldable(matrix.Scales[i]))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether any of the elements is NaN.</summary>
    public static bool AnyNaN(byte* elements, long length)
    {
        var magnitude = Vector256.Create(ElementBits.F8NaN);
        Vector256<byte> a = default, b = default;
        long i = 0;
        for (; i + 64 <= length; i += 64)
        {
            a = Vector256.Max(a, Vector256.Load(elements + i) & magnitude);
            b = Vector256.Max(b, Vector256.Load(elements + i + 32) & magnitude);
        }

        bool any = Vector256.EqualsAny(Vector256.Max(a, b), magnitude);
        for (; i < length; i++)
        {
            any |= (elements[i] & ElementBits.F8NaN) == ElementBits.F8NaN;
        }

        return any;
    }

    /// <summary>decoded[k] = NaN wherever elements[k] is.</summary>
    public static void MarkNaN(byte* elements, int length, float* decoded)
    {
        if (!AnyNaN(elements, length))
        {
            return;
        }

        for (int k = 0; k < length; k++)
        {
            decoded[k] = (elements[k] & ElementBits.F8NaN) == ElementBits.F8NaN ? float.NaN : decoded[k];
        }
    }
}
