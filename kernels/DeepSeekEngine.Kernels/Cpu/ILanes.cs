using System.Runtime.Intrinsics;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// A register of float32 lanes. Kernels are written once over this interface and specialised by the JIT for 128, 256 and 512 bits.
/// The weight loads decode <see cref="Count"/> consecutive stored elements; none needs alignment.
/// </summary>
internal unsafe interface ILanes<TSelf>
    where TSelf : unmanaged, ILanes<TSelf>
{
    /// <summary>Lanes in the register: a power of two, at most 16.</summary>
    static abstract int Count { get; }

    static abstract TSelf Broadcast(float value);

    static abstract TSelf Load(float* source);

    static abstract void Store(TSelf value, float* destination);

    /// <summary>Binary16, subnormals, infinities and NaN included.</summary>
    static abstract TSelf LoadF16(ushort* source);

    /// <summary>The upper halves of binary32.</summary>
    static abstract TSelf LoadBF16(ushort* source);

    /// <summary>
    /// E4M3 moved to where binary32 has its fields: the value times 2^-120, and 480 * 2^-120 instead of NaN (see <see cref="Float8"/>).
    /// </summary>
    static abstract TSelf LoadF8E4M3(byte* source);

    /// <summary>Signed bytes.</summary>
    static abstract TSelf LoadI8(sbyte* source);

    static abstract TSelf operator +(TSelf left, TSelf right);

    static abstract TSelf operator *(TSelf left, TSelf right);

    static abstract TSelf operator /(TSelf left, TSelf right);

    /// <summary>a * b + c, fused where the processor can.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    static abstract TSelf Exp(TSelf value);

    /// <summary>The larger; where the right is not a number, that.</summary>
    static abstract TSelf Max(TSelf left, TSelf right);

    /// <summary>The smaller; where the right is not a number, that.</summary>
    static abstract TSelf Min(TSelf left, TSelf right);

    /// <summary>The nearest whole number, ties to even.</summary>
    static abstract TSelf Round(TSelf value);

    /// <summary>2^n of whole n, -126 .. 127; 0 of -127 and infinity of 128.</summary>
    static abstract TSelf PowerOfTwo(TSelf value);

    /// <summary>The sum of all lanes, in one fixed order.</summary>
    static abstract float Sum(TSelf value);

    /// <summary>[Sum(a), Sum(b), Sum(c), Sum(d)], bit for bit.</summary>
    static abstract Vector128<float> Sums(TSelf a, TSelf b, TSelf c, TSelf d);
}
