using System.Runtime.CompilerServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>What of <see cref="PackedLayout"/> differs between the encodings. A group is the columns that share a scale.</summary>
internal unsafe interface IPackedFormat
{
    static abstract int GroupColumns { get; }

    /// <summary>Columns that lie in 64 bytes.</summary>
    static abstract int LineColumns { get; }

    static abstract int BlockColumns { get; }

    static abstract int BlockBytes { get; }

    /// <summary>Bytes of a group's 16 scales; those of all groups of a block lie at its begin.</summary>
    static abstract int ScaleBytes { get; }

    static abstract float Scale(byte* scales, int row);

    /// <summary>The integers of a row of eight columns, signed, one in each byte; <paramref name="line"/> begins with the row.</summary>
    static abstract ulong EightColumns(byte* line);
}

internal readonly unsafe struct Int8Format : IPackedFormat
{
    public static int GroupColumns => PackedLayout.Int8BlockColumns;

    public static int LineColumns => PackedLayout.StepColumns;

    public static int BlockColumns => PackedLayout.Int8BlockColumns;

    public static int BlockBytes => PackedLayout.Int8BlockBytes;

    public static int ScaleBytes => PackedLayout.PanelRows * sizeof(float);

    public static float Scale(byte* scales, int row) => ((float*)scales)[row];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong EightColumns(byte* line)
        => (Unsafe.ReadUnaligned<uint>(line) | ((ulong)Unsafe.ReadUnaligned<uint>(line + PackedLayout.Alignment) << 32))
         ^ 0x8080808080808080;
}

internal readonly unsafe struct Int4Format : IPackedFormat
{
    public static int GroupColumns => PackedLayout.Int4GroupColumns;

    public static int LineColumns => 2 * PackedLayout.StepColumns;

    public static int BlockColumns => PackedLayout.Int4BlockColumns;

    public static int BlockBytes => PackedLayout.Int4BlockBytes;

    public static int ScaleBytes => PackedLayout.PanelRows * sizeof(ushort);

    public static float Scale(byte* scales, int row) => BitConverter.Int32BitsToSingle(((ushort*)scales)[row] << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong EightColumns(byte* line)
    {
        ulong packed = Unsafe.ReadUnaligned<uint>(line);
        ulong nibbles = (packed & 0x0F0F0F0F) | ((packed & 0xF0F0F0F0) << 28);

        // The bit above each nibble keeps the subtraction within its byte.
        return ((nibbles | 0x8080808080808080) - 0x0808080808080808) ^ 0x8080808080808080;
    }
}
