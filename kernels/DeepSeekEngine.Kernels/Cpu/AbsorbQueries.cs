using System.Runtime.CompilerServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// absorbed[t, h] = [q_nope[t, h] Wk_h, q_pe[t, h]], Wk_h = kv_b[h * (n + v) .. + n, :]; q [count, H * (n + r)], absorbed
/// [count, H * (c + r)]. A task is a head and a block of latent columns: each block of Wk_h is decoded once and added, row by row in
/// ascending order, to all tokens.
/// </summary>
internal readonly unsafe struct AbsorbQueriesJob : IParallelJob
{
    private const int ColumnBlock = 128;
    private const int RowBlock = 32;
    private const int TokenGroup = 4;

    public required Rows Q { get; init; }

    public required WeightMatrix KvB { get; init; }

    public required MlaShape Shape { get; init; }

    public required Rows Absorbed { get; init; }

    public required int Count { get; init; }

    public required WorkerScratch Scratch { get; init; }

    public static long ScratchBytes => ColumnBlock * RowBlock * sizeof(float);

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
            rows[i] = decoded + i * ColumnBlock;
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

            for (int row = 0; row < Shape.Nope; row += RowBlock)
            {
                int count = Math.Min(RowBlock, Shape.Nope - row);
                MatrixRows.Decode<TLanes>(KvB, h * Shape.KeyValueHead + row, count, column, columns, decoded, ColumnBlock);
                for (int t = 0; t < Count; t += TokenGroup)
                {
                    WeightedRows.Add<TLanes>(
                        rows, count, 0, Q[t] + (long)h * Shape.QueryHead + row, Q.Stride, keep,
                        Absorbed[t] + (long)h * Shape.CacheRow + column, Absorbed.Stride, Math.Min(TokenGroup, Count - t), columns);
                }
            }
        }
    }
}
