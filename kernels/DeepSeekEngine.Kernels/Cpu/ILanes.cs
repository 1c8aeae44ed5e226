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
    /// E4M3, subnormals and NaN included: four registers of consecutive elements, because the decoding is shared by all bytes of a
    /// register.
    /// </summary>
    static abstract void LoadF8E4M3(byte* source, out TSelf a, out TSelf b, out TSelf c, out TSelf d);

    /// <summary>Signed bytes.</summary>
    static abstract TSelf LoadI8(sbyte* source);

    static abstract TSelf operator +(TSelf left, TSelf right);

    static abstract TSelf operator *(TSelf left, TSelf right);

    static abstract TSelf operator /(TSelf left, TSelf right);

    /// <summary>a * b + c, fused where the processor can.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    static abstract TSelf Exp(TSelf value);

    /// <summary>The sum of all lanes, in one fixed order.</summary>
    static abstract float Sum(TSelf value);

    /// <summary>[Sum(a), Sum(b), Sum(c), Sum(d)], bit for bit.</summary>
    static abstract Vector128<float> Sums(TSelf a, TSelf b, TSelf c, TSelf d);
}
