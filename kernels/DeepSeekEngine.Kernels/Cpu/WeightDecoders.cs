using System.Runtime.CompilerServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>Decodes one weight encoding in registers; a kernel is specialised for each by the JIT.</summary>
internal unsafe interface IWeightDecoder
{
    /// <summary>Bytes a stored element takes.</summary>
    static abstract int Bytes { get; }

    /// <summary>Whether elements are multiplied by the scale of their block, times <see cref="ElementBits.F8Factor"/>.</summary>
    static abstract bool Scaled { get; }

    /// <summary>Decodes as many consecutive elements as four registers have lanes, exactly, up to the scale and NaN.</summary>
    static abstract void Load<TLanes>(byte* source, out TLanes a, out TLanes b, out TLanes c, out TLanes d)
        where TLanes : unmanaged, ILanes<TLanes>;
}

internal readonly unsafe struct F32Decoder : IWeightDecoder
{
    public static int Bytes => 4;

    public static bool Scaled => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load<TLanes>(byte* source, out TLanes a, out TLanes b, out TLanes c, out TLanes d)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        var elements = (float*)source;
        a = TLanes.Load(elements);
        b = TLanes.Load(elements + TLanes.Count);
        c = TLanes.Load(elements + 2 * TLanes.Count);
        d = TLanes.Load(elements + 3 * TLanes.Count);
    }
}

internal readonly unsafe struct F16Decoder : IWeightDecoder
{
    public static int Bytes => 2;

    public static bool Scaled => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load<TLanes>(byte* source, out TLanes a, out TLanes b, out TLanes c, out TLanes d)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        var elements = (ushort*)source;
        a = TLanes.LoadF16(elements);
        b = TLanes.LoadF16(elements + TLanes.Count);
        c = TLanes.LoadF16(elements + 2 * TLanes.Count);
        d = TLanes.LoadF16(elements + 3 * TLanes.Count);
    }
}

internal readonly unsafe struct BF16Decoder : IWeightDecoder
{
    public static int Bytes => 2;

    public static bool Scaled => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load<TLanes>(byte* source, out TLanes a, out TLanes b, out TLanes c, out TLanes d)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        var elements = (ushort*)source;
        a = TLanes.LoadBF16(elements);
        b = TLanes.LoadBF16(elements + TLanes.Count);
        c = TLanes.LoadBF16(elements + 2 * TLanes.Count);
        d = TLanes.LoadBF16(elements + 3 * TLanes.Count);
    }
}

internal readonly unsafe struct F8E4M3Decoder : IWeightDecoder
{
    public static int Bytes => 1;

    public static bool Scaled => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load<TLanes>(byte* source, out TLanes a, out TLanes b, out TLanes c, out TLanes d)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        a = TLanes.LoadF8E4M3(source);
        b = TLanes.LoadF8E4M3(source + TLanes.Count);
        c = TLanes.LoadF8E4M3(source + 2 * TLanes.Count);
        d = TLanes.LoadF8E4M3(source + 3 * TLanes.Count);
    }
}
