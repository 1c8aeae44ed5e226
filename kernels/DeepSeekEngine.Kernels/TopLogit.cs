using System.Runtime.InteropServices;

namespace DeepSeekEngine.Kernels;

/// <summary>
/// An entry of the list of a row's largest logits: <see cref="Count"/> entries by descending logit, then ascending token, 0 being more
/// than -0 and what is not a number more than all; then one whose logit is the sum of <c>exp((z - max z) / T)</c> over the tokens that are
/// not in the list. A row with fewer tokens has entries of minus infinity in the end, with a token that there is not.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TopLogit
{
    /// <summary>The binary logarithm of <see cref="Count"/>.</summary>
    public const int CountShift = 7;

    /// <summary>Tokens in a list.</summary>
    public const int Count = 1 << CountShift;

    public const int ListLength = Count + 1;

    /// <summary>How far the sum may be from the true one, as a part of it.</summary>
    public const double SumError = 1.0 / 4096;

    public float Logit;
    public int Token;
}
