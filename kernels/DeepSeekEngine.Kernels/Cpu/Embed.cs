namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>y[t] = table[tokens[t]]; table [V, d] stored in any encoding, y [count, d]. A task is a token.</summary>
internal readonly unsafe struct EmbedJob : IParallelJob
{
    public required int* Tokens { get; init; }

    public required WeightMatrix Table { get; init; }

    public required Rows Y { get; init; }

    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (int t = start; t < end; t++)
        {
            int token = Tokens[t];
            if ((uint)token >= (uint)Table.Rows)
            {
                throw new ArgumentOutOfRangeException(nameof(Tokens), $"Token {t} is {token}; the table has rows 0 .. {Table.Rows - 1}.");
            }

            MatrixRows.Decode<TLanes>(Table, token, 1, 0, Table.Columns, Y[t], 0);
        }
    }
}
