using DeepSeekEngine.Kernels.Cpu.Emitted;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>What a token leaves in a layer's cache: float32 or, where attention is computed in it, bfloat16.</summary>
internal static unsafe class CacheRows
{
    /// <summary>Floats a row of bfloat16 takes the place of.</summary>
    public static int BFloat16Length(int width) => (width + 1) / 2;

    /// <summary>Memory <see cref="Round"/> works in.</summary>
    public static long ScratchBytes(int width)
        => (long)new ColumnChunks(width).Chunks * (BFloat16Layout.ChunkBytes + sizeof(float));

    /// <summary>Rounds a row to bfloat16.</summary>
    public static void Round(in BFloat16AttentionFunctions functions, float* row, int width, ushort* destination, byte* scratch)
    {
        int chunks = new ColumnChunks(width).Chunks;
        var whole = (ushort*)scratch;
        var ones = (float*)(scratch + (long)chunks * BFloat16Layout.ChunkBytes);
        new Span<float>(ones, chunks).Fill(1);
        functions.RoundRow(row, width, ones, whole);
        new ReadOnlySpan<ushort>(whole, width).CopyTo(new Span<ushort>(destination, width));
    }

    /// <summary>The float32 values of a row of bfloat16.</summary>
    public static void Widen<TLanes>(ushort* row, int width, float* destination)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int i = 0;
        for (; i + TLanes.Count <= width; i += TLanes.Count)
        {
            TLanes.Store(TLanes.LoadBF16(row + i), destination + i);
        }

        for (; i < width; i++)
        {
            destination[i] = BitConverter.UInt32BitsToSingle((uint)row[i] << 16);
        }
    }
}
