using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>What rounding weights and rounding activations have in common; exact, hence the same on every processor.</summary>
internal static unsafe class GroupRounding
{
    /// <summary>2^-96: a group whose magnitudes are all below counts as zero, for the reciprocal of its scale might be infinite.</summary>
    public const float Smallest = 1.26217745e-29f;

    /// <summary>Adding it to a small number leaves the nearest integer, ties to even, in the low bits.</summary>
    private const float Unit = 12582912f;

    /// <summary>max |x|; NaN if one is NaN. <paramref name="count"/> is a multiple of 8.</summary>
    public static float LargestMagnitude(float* x, int count)
    {
        var magnitude = Vector256.Create(int.MaxValue);
        var largest = Vector256<int>.Zero;
        for (int k = 0; k < count; k += 8)
        {
            largest = Vector256.Max(largest, Vector256.Load((int*)(x + k)) & magnitude);
        }

        // As integers, magnitudes are in the order of their values, and NaN comes after all of them.
        var four = Vector128.Max(largest.GetLower(), largest.GetUpper());
        return BitConverter.Int32BitsToSingle(Math.Max(Math.Max(four[0], four[1]), Math.Max(four[2], four[3])));
    }

    /// <summary>x * inverse, rounded to integers; below 2^22 in magnitude.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Round(float* x, float inverse)
        => (Vector256.Load(x) * inverse + Vector256.Create(Unit)).AsInt32() - Vector256.Create(Unit).AsInt32();
}
