using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// The bit patterns by which stored elements become binary32. No step has a binary32 subnormal as an operand or a result: arithmetic
/// on those takes many processors a hundred cycles or more.
/// </summary>
internal static class ElementBits
{
    /// <summary>Places binary16's exponent and fraction at those of binary32; the exponent is then 112 too small.</summary>
    public const int F16Shift = 13;

    /// <summary>What remains of a shifted binary16: five exponent bits, ten fraction bits.</summary>
    public const int F16Magnitude = 0x0FFFE000;

    /// <summary>The largest finite binary16, shifted: what is greater is infinity or NaN.</summary>
    public const int F16Largest = 0x0F7FE000;

    /// <summary>
    /// 112, where binary32 has its exponent. Added to a shifted normal binary16 it gives the value; added to a subnormal f * 2^-14 it
    /// gives a = (1 + f) * 2^-15, of which 2a - 2^-14 is the value and the lesser of the two, as it is for no normal. Added twice it
    /// makes an infinity or NaN one again.
    /// </summary>
    public const int F16Bias = 0x38000000;

    /// <summary>2^-14.</summary>
    public const float F16SmallestNormal = 6.103515625e-05f;

    /// <summary>The sign of a binary32.</summary>
    public const int Sign = int.MinValue;

    /// <summary>The magnitude that means NaN in E4M3.</summary>
    public const byte F8NaN = 0x7F;

    /// <summary>
    /// An E4M3 is the upper half of a binary32, taken as two bytes. The first: by E4M3's upper four bits; of exponents 0 and 1 the
    /// sign only.
    /// </summary>
    public static Vector128<byte> F8Upper
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector128.Create(
        (byte)0x00, 0x3D, 0x3E, 0x3F, 0x40, 0x41, 0x42, 0x43, 0x80, 0xBD, 0xBE, 0xBF, 0xC0, 0xC1, 0xC2, 0xC3);
    }

    /// <summary>The rest of the first byte, by a magnitude below 16.</summary>
    public static Vector128<byte> F8SmallUpper
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector128.Create(
        (byte)0x00, 0x3B, 0x3B, 0x3B, 0x3C, 0x3C, 0x3C, 0x3C, 0x3C, 0x3C, 0x3C, 0x3C, 0x3C, 0x3C, 0x3C, 0x3C);
    }

    /// <summary>By a magnitude below 16, how the second byte differs from E4M3's lower four bits moved up by four: subnormals only.</summary>
    public static Vector128<byte> F8SmallLower
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector128.Create(
        (byte)0x00, 0x10, 0xA0, 0xF0, 0x40, 0x70, 0x20, 0x10, 0, 0, 0, 0, 0, 0, 0, 0);
    }

    /// <summary>Added to a magnitude below 16 it keeps the lower four bits and adds no sign: an index; from 16 on: none, for zero.</summary>
    public const byte F8SmallIndex = 0x70;
}
