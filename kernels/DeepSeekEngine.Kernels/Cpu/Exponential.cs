using System.Runtime.CompilerServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// e^x = 2^n e^r, n = round(x / ln 2), |r| &lt;= ln 2 / 2, to 2 units in the last place: a polynomial in float32, because the library's
/// exponential, which computes in double, costs a good part of what attention multiplies.
/// </summary>
internal static class Exponential
{
    // Where n reaches -127 and 128: below is 0, above infinity.
    private const float Lowest = -88f;
    private const float Highest = 89f;

    private const float Log2E = 1.44269504f;

    // ln 2 in two parts, the first of so few bits that n times it is exact.
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<TLanes>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        // The bound comes first: of two operands one of which is not a number, x86 takes the second, and x must stay what it is.
        TLanes bounded = TLanes.Min(TLanes.Broadcast(Highest), TLanes.Max(TLanes.Broadcast(Lowest), x));
        TLanes n = TLanes.Round(bounded * TLanes.Broadcast(Log2E));
        TLanes r = TLanes.MultiplyAdd(n, TLanes.Broadcast(-Ln2High), bounded);
        r = TLanes.MultiplyAdd(n, TLanes.Broadcast(-Ln2Low), r);

        // e^r = 1 + r + r^2 p(r), p interpolating at Chebyshev nodes: within 1.1e-8.
        TLanes p = TLanes.MultiplyAdd(TLanes.Broadcast(0.00139265507f), r, TLanes.Broadcast(0.0083634723f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Broadcast(0.0416665524f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Broadcast(0.166665748f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Broadcast(0.5f));
        p = TLanes.MultiplyAdd(p, r * r, r);
        return (p + TLanes.Broadcast(1)) * TLanes.PowerOfTwo(n);
    }
}
