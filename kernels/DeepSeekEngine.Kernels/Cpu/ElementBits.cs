namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// The bit patterns by which stored elements become binary32. Arithmetic on binary32 subnormals takes some processors a hundred cycles
/// or more. Binary16 subnormals, common among weights, therefore never become any; those of E4M3, where a block's scale brings its
/// largest weight to 448 and one in thousands is below 2^-6, do.
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

    /// <summary>Places E4M3's exponent and fraction at those of binary32; the exponent is then 120 too small.</summary>
    public const int F8Shift = 20;

    /// <summary>What remains of a sign-extended, shifted E4M3: the sign, four exponent bits, three fraction bits.</summary>
    public const int F8Fields = unchecked((int)0x87F00000);

    /// <summary>2^120.</summary>
    public const float F8Factor = 1.329227995784916e36f;

    /// <summary>The magnitude that means NaN in E4M3; none is greater.</summary>
    public const byte F8NaN = 0x7F;
}
