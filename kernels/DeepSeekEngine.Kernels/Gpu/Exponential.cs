using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// exp to within about one unit in the last place, for where few values decide much: the routers'. The devices' own exponentials lose
/// bits in proportion to the argument (CUDA's is 2^(x * log2(e)), rounded before the power is taken).
/// </summary>
internal static class Exponential
{
    /// <summary>Below this the result is zero: it would be subnormal.</summary>
    private const float Smallest = -87f;

    /// <summary>exp(a - b) for a at most b, the difference not rounded; 0 where a is not a number.</summary>
    public static float OfDifference(float a, float b)
    {
        float x = a - b;
        if (!(x > Smallest))
        {
            return 0f;
        }

        // What the subtraction rounded away (Knuth's two-sum), to be added where it weighs most: to the reduced argument.
        float taken = x - a;
        float lost = (a - (x - taken)) - (b + taken);

        // x = n ln 2 + r, |r| <= ln(2) / 2, n ln 2 in two parts of which the first has few enough bits for n to multiply exactly.
        int n = (int)(x * 1.44269504f - 0.5f);
        float r = Fused.MultiplyAdd(-n, 0.693359375f, x);
        r = Fused.MultiplyAdd(-n, -2.12194440e-4f, r) + lost;

        // The Taylor polynomial of degree 7: its remainder is below 2^-27 there.
        float p = 1f / 5040f;
        p = Fused.MultiplyAdd(p, r, 1f / 720f);
        p = Fused.MultiplyAdd(p, r, 1f / 120f);
        p = Fused.MultiplyAdd(p, r, 1f / 24f);
        p = Fused.MultiplyAdd(p, r, 1f / 6f);
        p = Fused.MultiplyAdd(p, r, 0.5f);
        p = Fused.MultiplyAdd(p, r * r, r) + 1f;
        return p * Interop.IntAsFloat((uint)(127 + n) << 23);
    }
}
