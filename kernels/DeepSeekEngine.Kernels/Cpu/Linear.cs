using System.Runtime.CompilerServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// For every part p: y[t, p * YStep ..] = (or +=) x[t, p * XStep ..] W_p^T, W_p the <see cref="RowsPerPart"/> rows of the matrix from
/// FirstRow + p * RowStep. A linear layer is the one part of all rows; latents through each head's values are a part a head.
/// A task is a block of a part's rows and a block of tokens; those of neighbouring rows are computed as one.
/// </summary>
internal readonly unsafe struct LinearJob : IParallelJob
{
    public required WeightMatrix Matrix { get; init; }

    public required Rows X { get; init; }

    public required Rows Y { get; init; }

    public required int Count { get; init; }

    public required WorkerScratch Scratch { get; init; }

    /// <summary>Packed matrices only: row t * Parts + p is part p of token t; XStep is the matrix's columns.</summary>
    public PackedProducts Packed { get; init; }

    public bool Accumulate { get; init; }

    public required int Parts { get; init; }

    public int FirstRow { get; init; }

    public int RowStep { get; init; }

    public required int RowsPerPart { get; init; }

    public int XStep { get; init; }

    public int YStep { get; init; }

    public static long ScratchBytes => MatrixRows.ScratchLength * sizeof(float);

    public int Tasks => checked(Parts * RowBlocks * ((Count + MatrixRows.TokenBlock - 1) / MatrixRows.TokenBlock));

    private int RowBlock => Count < MatrixRows.ManyTokens ? MatrixRows.Block : MatrixRows.ManyTokensBlock;

    private int RowBlocks => (RowsPerPart + RowBlock - 1) / RowBlock;

    [SkipLocalsInit]
    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        float** x = stackalloc float*[MatrixRows.TokenBlock];
        float** y = stackalloc float*[MatrixRows.TokenBlock];
        int rows = RowBlock;
        int blocks = RowBlocks;
        for (int task = start, run; task < end; task += run)
        {
            int block = task % blocks;
            int part = task / blocks % Parts;
            int token = task / blocks / Parts * MatrixRows.TokenBlock;
            int row = block * rows;
            run = Math.Min(end - task, blocks - block);
            int tokens = Math.Min(MatrixRows.TokenBlock, Count - token);
            for (int t = 0; t < tokens; t++)
            {
                x[t] = X[token + t] + (long)part * XStep;
                y[t] = Y[token + t] + (long)part * YStep + row;
            }

            MatrixRows.Multiply<TLanes>(
                Matrix, FirstRow + part * RowStep + row, Math.Min(run * rows, RowsPerPart - row),
                x, Packed, token, part, y, tokens, Accumulate, (float*)Scratch[worker]);
        }
    }
}
