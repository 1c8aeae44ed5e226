namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Dot products of a panel's 16 rows with a token's integers, for one encoding on one instruction set. All are exact, so they only
/// differ in speed.
/// </summary>
/// <typeparam name="TWeights">A line of the panel in registers, made ready to be multiplied with several tokens.</typeparam>
/// <typeparam name="TSums">The sums of the 16 rows over some columns of a group.</typeparam>
/// <typeparam name="TScales">The scales of the 16 rows.</typeparam>
internal unsafe interface IPackedDot<TWeights, TSums, TScales>
    where TWeights : unmanaged
    where TSums : unmanaged
    where TScales : unmanaged
{
    static abstract bool IsSupported { get; }

    /// <summary>64 bytes: 16 rows of four columns (Int8) or of eight (Int4).</summary>
    static abstract TWeights Load(byte* line);

    /// <summary>Adds a line times the token's integers of its columns.</summary>
    static abstract TSums Add(TSums sums, TWeights weights, sbyte* x);

    /// <summary>A group's 16 scales as float32.</summary>
    static abstract TScales LoadScales(byte* scales);

    /// <summary>y[r] = fma(float(isum[r]), scales[r] * xScale, y[r]), isum the group's sum without the weights' bias.</summary>
    /// <param name="xBias">What makes a sum of stored integers times the token's one of weights.</param>
    static abstract void Fold(TSums sums, int xBias, TScales scales, float xScale, float* y);
}

/// <summary>Registers that are handled together.</summary>
internal readonly struct Two<T>(T a, T b)
    where T : unmanaged
{
    public readonly T A = a;

    public readonly T B = b;
}

/// <inheritdoc cref="Two{T}"/>
internal readonly struct Four<T>(T a, T b, T c, T d)
    where T : unmanaged
{
    public readonly T A = a;

    public readonly T B = b;

    public readonly T C = c;

    public readonly T D = d;
}
