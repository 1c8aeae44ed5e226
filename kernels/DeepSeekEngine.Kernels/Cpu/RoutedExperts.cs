using System.Runtime.CompilerServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// hidden[p] = silu(x[t] Wgate_e^T) * (x[t] Wup_e^T) for every pair p = t * k + i of a token and its i-th expert e; x [count, d],
/// hidden [count * k, m]. A task is an expert somebody chose and a block of its rows; those of neighbouring rows are computed as one.
/// </summary>
internal readonly unsafe struct ExpertGateUpJob : IParallelJob
{
    /// <summary>Outputs of either projection that wait for the other's: fewer tokens have room for more rows.</summary>
    private const int Outputs = MatrixRows.TokenBlock * MatrixRows.ManyTokensBlock;

    public required Rows X { get; init; }

    public required WeightMatrix* Gate { get; init; }

    public required WeightMatrix* Up { get; init; }

    /// <summary>Packed matrices only: row i is the token of Groups.Pairs[i].</summary>
    public PackedProducts Packed { get; init; }

    public required ExpertGroups Groups { get; init; }

    public required int ExpertsPerToken { get; init; }

    public required Rows Hidden { get; init; }

    public required WorkerScratch Scratch { get; init; }

    public static long ScratchBytes => (MatrixRows.ScratchLength + 2 * Outputs) * sizeof(float);

    public static int TasksPerExpert(int rows) => (rows + MatrixRows.Block - 1) / MatrixRows.Block;

    [SkipLocalsInit]
    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        float* scratch = (float*)Scratch[worker];
        float* gate = scratch + MatrixRows.ScratchLength;
        float* up = gate + Outputs;
        float** x = stackalloc float*[MatrixRows.TokenBlock];
        float** gates = stackalloc float*[MatrixRows.TokenBlock];
        float** ups = stackalloc float*[MatrixRows.TokenBlock];
        int blocks = TasksPerExpert(Gate->Rows);
        for (int task = start, run; task < end; task += run)
        {
            int expert = Groups.Active[task / blocks];
            run = Math.Min(end - task, blocks - task % blocks);
            int row = task % blocks * MatrixRows.Block;
            int rows = Math.Min(run * MatrixRows.Block, Gate->Rows - row);
            int groupEnd = Groups.Offsets[expert + 1];
            for (int first = Groups.Offsets[expert], count; first < groupEnd; first += count)
            {
                int* pairs = Groups.Pairs + first;
                count = Math.Min(MatrixRows.TokenBlock, groupEnd - first);
                for (int j = 0; j < count; j++)
                {
                    x[j] = X[pairs[j] / ExpertsPerToken];
                }

                int most = Outputs / count / MatrixRows.Block * MatrixRows.Block;
                for (int done = 0, some; done < rows; done += some)
                {
                    some = Math.Min(most, rows - done);
                    for (int j = 0; j < count; j++)
                    {
                        gates[j] = gate + j * some;
                        ups[j] = up + j * some;
                    }

                    byte* next = done + some < rows || task + run == end
                        ? Gate[expert].RowData(row + done + some)
                        : Gate[Groups.Active[(task + run) / blocks]].RowData(0);
                    MatrixRows.Multiply<TLanes>(
                        Gate[expert], row + done, some, x, Packed, first, 0, gates, count, false, scratch, Up[expert].RowData(row + done));
                    MatrixRows.Multiply<TLanes>(
                        Up[expert], row + done, some, x, Packed, first, 0, ups, count, false, scratch, next);
                    for (int j = 0; j < count; j++)
                    {
                        SwiGluJob.Run<TLanes>(gates[j], ups[j], Hidden[pairs[j]] + row + done, some);
                    }
                }
            }
        }
    }
}

/// <summary>
/// y[t] += sum_i w[t, i] (hidden[t * k + i] Wdown_e^T), i ascending, e = the token's i-th expert; hidden [count * k, m], y [count, d].
/// A task is a block of rows, i.e. of y's columns, for all experts and tokens: nobody else writes there, so nothing is atomic.
/// Neighbouring tasks are computed as one.
/// </summary>
internal readonly unsafe struct ExpertDownJob : IParallelJob
{
    /// <summary>Rows of many tokens that are computed as one: what is prepared of each hidden row serves them all.</summary>
    private const int MaxRows = 256;

    /// <summary>Products that wait for their sum, at least: a few tokens' of all rows.</summary>
    private const int MinProducts = 1 << 14;

    public required Rows Hidden { get; init; }

    public required WeightMatrix* Down { get; init; }

    /// <summary>Packed matrices only: row i is the hidden row of Groups.Pairs[i].</summary>
    public PackedProducts Packed { get; init; }

    public required ExpertGroups Groups { get; init; }

    public required int ActiveExperts { get; init; }

    public required int ExpertsPerToken { get; init; }

    public required Rows Weights { get; init; }

    public required Rows Y { get; init; }

    public required int Count { get; init; }

    public required WorkerScratch Scratch { get; init; }

    public int Tasks => (Down->Rows + MatrixRows.Block - 1) / MatrixRows.Block;

    public static long ScratchBytes(long pairs) => (MatrixRows.ScratchLength + Products(pairs)) * sizeof(float);

    [SkipLocalsInit]
    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        float* scratch = (float*)Scratch[worker];
        float* products = scratch + MatrixRows.ScratchLength;
        float** x = stackalloc float*[MatrixRows.TokenBlock];
        float** y = stackalloc float*[MatrixRows.TokenBlock];
        int pairs = Count * ExpertsPerToken;
        int most = (int)(Products(pairs) / pairs) / MatrixRows.Block;
        for (int task = start, run; task < end; task += run)
        {
            run = Math.Min(most, end - task);
            int row = task * MatrixRows.Block;
            int stride = run * MatrixRows.Block;
            int rows = Math.Min(stride, Down->Rows - row);
            for (int active = 0; active < ActiveExperts; active++)
            {
                int expert = Groups.Active[active];
                int groupEnd = Groups.Offsets[expert + 1];
                byte* next = active + 1 < ActiveExperts ? Down[Groups.Active[active + 1]].RowData(row) : null;
                for (int first = Groups.Offsets[expert]; first < groupEnd; first += MatrixRows.TokenBlock)
                {
                    int count = Math.Min(MatrixRows.TokenBlock, groupEnd - first);
                    for (int j = 0; j < count; j++)
                    {
                        int pair = Groups.Pairs[first + j];
                        x[j] = Hidden[pair];
                        y[j] = products + (long)pair * stride;
                    }

                    MatrixRows.Multiply<TLanes>(Down[expert], row, rows, x, Packed, first, 0, y, count, false, scratch, next);
                }
            }

            for (int t = 0; t < Count; t++)
            {
                Combine<TLanes>(products + (long)t * ExpertsPerToken * stride, stride, Weights[t], Y[t] + row, rows);
            }
        }
    }

    private static long Products(long pairs) => Math.Max(MinProducts, pairs * MaxRows);

    private void Combine<TLanes>(float* products, int stride, float* weights, float* y, int rows)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (int r = 0; r < rows; r += TLanes.Count)
        {
            TLanes sum = default;
            for (int i = 0; i < ExpertsPerToken; i++)
            {
                sum = TLanes.MultiplyAdd(TLanes.Broadcast(weights[i]), TLanes.Load(products + i * stride + r), sum);
            }

            if (rows - r >= TLanes.Count)
            {
                TLanes.Store(TLanes.Load(y + r) + sum, y + r);
            }
            else
            {
                PartialLanes.Store(PartialLanes.Load<TLanes>(y + r, rows - r) + sum, y + r, rows - r);
            }
        }
    }
}
