using System.Runtime.Intrinsics;
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
        var columns = new ColumnChunks(width);
        var whole = (ushort*)scratch;
        var ones = (float*)(scratch + (long)columns.Chunks * BFloat16Layout.ChunkBytes);
        new Span<float>(ones, columns.Chunks).Fill(1);
        var arguments = new BFloat16RoundArguments { X = row, Columns = columns, Scales = ones, Y = whole };
        functions.Round(&arguments);
        new ReadOnlySpan<ushort>(whole, width).CopyTo(new Span<ushort>(destination, width));
    }

    /// <summary>The float32 values of a row of bfloat16.</summary>
    public static void Widen(ushort* row, int width, float* destination)
    {
        int i = 0;
        for (; i + Vector256<ushort>.Count <= width; i += Vector256<ushort>.Count)
        {
            (Vector256<uint> lower, Vector256<uint> upper) = Vector256.Widen(Vector256.Load(row + i));
            (lower << 16).Store((uint*)(destination + i));
            (upper << 16).Store((uint*)(destination + i + Vector256<uint>.Count));
        }

        for (; i < width; i++)
        {
            destination[i] = BitConverter.UInt32BitsToSingle((uint)row[i] << 16);
        }
    }
}
