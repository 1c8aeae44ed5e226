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

    /// <summary>E4M3 divided by 2^120, NaN for 0x7F and 0xFF: exact, because an E4M3 subnormal becomes a binary32 subnormal.</summary>
    static abstract TSelf LoadF8E4M3(byte* source);

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
}

/// <summary>The bit patterns by which stored elements, sign-extended to 32 bits and shifted, become binary32.</summary>
internal static class ElementBits
{
    /// <summary>Places E4M3's exponent and fraction at those of binary32; the exponent is then 120 too small.</summary>
    public const int F8Shift = 20;

    /// <summary>What remains of a sign-extended, shifted E4M3: the sign, four exponent bits, three fraction bits.</summary>
    public const int F8Mask = unchecked((int)0x87F00000);

    /// <summary>The magnitude that means NaN in E4M3.</summary>
    public const int F8NaN = 0x07F00000;

    /// <summary>2^120.</summary>
    public const float F8Unit = 1.329227995784916e36f;

    /// <summary>Places binary16's exponent and fraction at those of binary32; the exponent is then 112 too small.</summary>
    public const int F16Shift = 13;

    /// <summary>What remains of a sign-extended, shifted binary16: the sign, five exponent bits, ten fraction bits.</summary>
    public const int F16Mask = unchecked((int)0x8FFFE000);

    /// <summary>The exponent that means infinity or NaN in binary16.</summary>
    public const int F16Special = 0x0F800000;

    /// <summary>The exponent that means infinity or NaN in binary32.</summary>
    public const int F32Special = 0x7F800000;

    /// <summary>2^112.</summary>
    public const float F16Unit = 5.192296858534828e33f;
}
