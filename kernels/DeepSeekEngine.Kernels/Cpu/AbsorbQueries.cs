using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DeepSeekEngine.Kernels.Cpu.Emitted;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// absorbed[t, h] = [q_nope[t, h] Wk_h, q_pe[t, h]], Wk_h = kv_b[h * (n + v) .. + n, :]; q [count, H * (n + r)], absorbed
/// [count, H * (c + r)]. A task is a head and a block of latent columns: each block of Wk_h is decoded once and added, row by row in
/// ascending order, to all tokens. Where products of the matrix are of bfloat16, its rows are those, and their scales multiply the
/// queries, which are not rounded.
/// </summary>
internal readonly unsafe struct AbsorbQueriesJob : IParallelJob
{
    /// <summary>All of most models' latent columns, so that a head's rows are one stream of memory.</summary>
    private const int ColumnBlock = 512;

    /// <summary>Floats from one decoded row to the next: not a power of two, at which rows evict each other from a first-level cache.</summary>
    private const int RowStride = ColumnBlock + 16;

    private const int RowBlock = 32;
    private const int TokenGroup = 4;

    public required Rows Q { get; init; }

    public required WeightMatrix KvB { get; init; }

    public required MlaShape Shape { get; init; }

    public required Rows Absorbed { get; init; }

    public required int Count { get; init; }

    public required WorkerScratch Scratch { get; init; }

    public static long ScratchBytes
        => Math.Max(RowStride * RowBlock * sizeof(float), RowBlock * BFloat16Layout.RowBytes + ColumnBlock * sizeof(float));

    public int Tasks => checked(Shape.Heads * ColumnBlocks);

    private int ColumnBlocks => (Shape.Latent + ColumnBlock - 1) / ColumnBlock;

    [SkipLocalsInit]
    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        float* decoded = (float*)Scratch[worker];
        float** rows = stackalloc float*[RowBlock];
        float* keep = stackalloc float[TokenGroup];
        for (int i = 0; i < RowBlock; i++)
        {
            rows[i] = decoded + i * RowStride;
        }

        new Span<float>(keep, TokenGroup).Fill(1);
        for (int task = start; task < end; task++)
        {
            int h = task / ColumnBlocks;
            int column = task % ColumnBlocks * ColumnBlock;
            int columns = Math.Min(ColumnBlock, Shape.Latent - column);
            for (int t = 0; t < Count; t++)
            {
                float* query = Q[t] + (long)h * Shape.QueryHead;
                float* y = Absorbed[t] + (long)h * Shape.CacheRow;
                new Span<float>(y + column, columns).Clear();
                if (column == 0)
                {
                    new ReadOnlySpan<float>(query + Shape.Nope, Shape.Rope).CopyTo(new Span<float>(y + Shape.Latent, Shape.Rope));
                }
            }

            if (KvB.BFloat16.Decode != null && columns % BFloat16Layout.ChunkColumns == 0)
            {
                AddBFloat16<TLanes>(h, column, columns, (ushort*)decoded);
                continue;
            }

            for (int row = 0; row < Shape.Nope; row += RowBlock)
            {
                int count = Math.Min(RowBlock, Shape.Nope - row);
                MatrixRows.Decode<TLanes>(KvB, h * Shape.KeyValueHead + row, count, column, columns, decoded, RowStride);
                for (int t = 0; t < Count; t += TokenGroup)
                {
                    WeightedRows.Add<TLanes>(
                        rows, count, 0, Q[t] + (long)h * Shape.QueryHead + row, Q.Stride, keep,
                        Absorbed[t] + (long)h * Shape.CacheRow + column, Absorbed.Stride, Math.Min(TokenGroup, Count - t), columns);
                }
            }
        }
    }

    private void AddBFloat16<TLanes>(int head, int column, int columns, ushort* decoded)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        bool eightBits = KvB.Encoding == WeightEncoding.F8E4M3;
        int bytes = KvB.Encoding.BytesPerElement();
        for (int row = 0, count; row < Shape.Nope; row += count)
        {
            // Rows of one block of scales.
            int stored = head * Shape.KeyValueHead + row;
            count = Math.Min(RowBlock, Shape.Nope - row);
            count = KvB.BlockRows == 0 ? count : Math.Min(count, KvB.BlockRows - stored % KvB.BlockRows);
            var rows = (ushort*)(KvB.RowData(stored) + (long)column * bytes);
            long stride = KvB.Columns;
            if (eightBits)
            {
                var decode = new BFloat16DecodeArguments
                {
                    Weights = (byte*)rows,
                    RowBytes = KvB.Columns,
                    Rows = count,
                    Columns = new ColumnChunks(columns),
                    Destination = decoded,
                };
                KvB.BFloat16.Decode(&decode);
                rows = decoded;
                stride = BFloat16Layout.RowStride;
            }

            for (int t = 0; t < Count; t++)
            {
                float* query = Q[t] + (long)head * Shape.QueryHead + row;
                float* y = Absorbed[t] + (long)head * Shape.CacheRow + column;
                for (int start = 0, some; start < columns; start += some)
                {
                    some = columns - start;
                    float scale = 1;
                    if (eightBits)
                    {
                        some = Math.Min(some, KvB.BlockColumns - (column + start) % KvB.BlockColumns);
                        scale = KvB.Scales[(long)(stored / KvB.BlockRows) * KvB.ScaleColumns + (column + start) / KvB.BlockColumns];
                    }

                    AddRows<TLanes>(rows + start, stride, count, query, scale, y + start, some);
                }
            }
        }

        for (int t = 0; eightBits && t < Count; t++)
        {
            Unscramble(Absorbed[t] + (long)head * Shape.CacheRow + column, columns, (float*)((byte*)decoded + RowBlock * BFloat16Layout.RowBytes));
        }
    }

    /// <summary>y[k] += sum_j (scale * weights[j]) rows[j][k], j in ascending order, k &lt; width, a multiple of 64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddRows<TLanes>(ushort* rows, long stride, int count, float* weights, float scale, float* y, int width)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int j = 0;
        for (; j + 4 <= count; j += 4, rows += 4 * stride)
        {
            TLanes w0 = TLanes.Broadcast(scale * weights[j]), w1 = TLanes.Broadcast(scale * weights[j + 1]);
            TLanes w2 = TLanes.Broadcast(scale * weights[j + 2]), w3 = TLanes.Broadcast(scale * weights[j + 3]);
            ushort* r1 = rows + stride, r2 = r1 + stride, r3 = r2 + stride;
            for (nint k = 0; k < width; k += TLanes.Count)
            {
                TLanes sum = TLanes.MultiplyAdd(w0, TLanes.LoadBF16(rows + k), TLanes.Load(y + k));
                sum = TLanes.MultiplyAdd(w1, TLanes.LoadBF16(r1 + k), sum);
                sum = TLanes.MultiplyAdd(w2, TLanes.LoadBF16(r2 + k), sum);
                TLanes.Store(TLanes.MultiplyAdd(w3, TLanes.LoadBF16(r3 + k), sum), y + k);
            }
        }

        for (; j < count; j++, rows += stride)
        {
            TLanes w = TLanes.Broadcast(scale * weights[j]);
            for (nint k = 0; k < width; k += TLanes.Count)
            {
                TLanes.Store(TLanes.MultiplyAdd(w, TLanes.LoadBF16(rows + k), TLanes.Load(y + k)), y + k);
            }
        }
    }

    /// <summary>Puts columns in the order of E4M3's chunks, of which even eights come before odd ones, back into their own.</summary>
    private static void Unscramble(float* y, int columns, float* copy)
    {
        const int eight = 8, half = BFloat16Layout.ChunkColumns / 2;
        new ReadOnlySpan<float>(y, columns).CopyTo(new Span<float>(copy, columns));
        for (int chunk = 0; chunk < columns; chunk += BFloat16Layout.ChunkColumns)
        {
            for (int k = 0; k < half; k += eight)
            {
                Vector256.Load(copy + chunk + k).Store(y + chunk + 2 * k);
                Vector256.Load(copy + chunk + half + k).Store(y + chunk + 2 * k + eight);
            }
        }
    }
}
