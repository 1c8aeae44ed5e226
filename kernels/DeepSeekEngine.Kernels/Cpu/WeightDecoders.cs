using System.Runtime.CompilerServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>Decodes one weight encoding in registers; a kernel is specialised for each by the JIT.</summary>
internal unsafe interface IWeightDecoder
{
    /// <summary>Bytes a stored element takes.</summary>
    static abstract int Bytes { get; }

    /// <summary>Whether elements are multiplied by the scale of their block.</summary>
    static abstract bool Scaled { get; }

    /// <summary>Decodes as many elements as there are lanes, up to the factor <see cref="Unit"/>.</summary>
    static abstract TLanes Load<TLanes>(byte* source)
        where TLanes : unmanaged, ILanes<TLanes>;

    /// <summary>What a scaled encoding's loaded lanes must be multiplied by, besides the scale, to be the stored value.</summary>
    static abstract float Unit { get; }
}

internal readonly unsafe struct F32Decoder : IWeightDecoder
{
    public static int Bytes => 4;

    public static bool Scaled => false;

    public static float Unit => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* source)
        where TLanes : unmanaged, ILanes<TLanes> => TLanes.Load((float*)source);
}

internal readonly unsafe struct F16Decoder : IWeightDecoder
{
    public static int Bytes => 2;

    public static bool Scaled => false;

    public static float Unit => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* source)
        where TLanes : unmanaged, ILanes<TLanes> => TLanes.LoadF16((ushort*)source);
}

internal readonly unsafe struct BF16Decoder : IWeightDecoder
{
    public static int Bytes => 2;

    public static bool Scaled => false;

    public static float Unit => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* source)
        where TLanes : unmanaged, ILanes<TLanes> => TLanes.LoadBF16((ushort*)source);
}

internal readonly unsafe struct F8E4M3Decoder : IWeightDecoder
{
    public static int Bytes => 1;

    public static bool Scaled => true;

    public static float Unit => ElementBits.F8Unit;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* source)
        where TLanes : unmanaged, ILanes<TLanes> => TLanes.LoadF8E4M3(source);
}
