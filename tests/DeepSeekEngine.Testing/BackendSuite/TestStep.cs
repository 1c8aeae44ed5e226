using DeepSeekEngine.Backends;

namespace DeepSeekEngine.Testing.BackendSuite;

/// <summary>
/// The tokens of a step over a paged cache: the blocks of the sequences are shuffled among each other, block tables have room
/// nobody uses, filled with impossible numbers.
/// </summary>
internal sealed class TestStep : IDisposable
{
    private readonly int blockSize;
    private readonly int[] blockTables;
    private readonly int stride;

    /// <param name="lengths">The positions each sequence has.</param>
    /// <param name="tokens">Sequence and position of each token of the step.</param>
    /// <param name="blockSize">Tokens a cache block.</param>
    public TestStep(
        IBackend backend, Random random, int[] lengths, (int Sequence, int Position)[] tokens, int blockSize = 4)
    {
        this.blockSize = blockSize;
        Tokens = tokens;
        int[] counts = Array.ConvertAll(lengths, length => (length + blockSize - 1) / blockSize);
        int[] blocks = [.. Enumerable.Range(0, counts.Sum() + 3)];
        random.Shuffle(blocks);
        CacheRows = blocks.Length * blockSize;
        stride = counts.Max() + 2;
        blockTables = new int[lengths.Length * stride];
        Array.Fill(blockTables, -1);
        int next = 0;
        for (int s = 0; s < lengths.Length; s++)
        {
            blocks.AsSpan(next, counts[s]).CopyTo(blockTables.AsSpan(s * stride));
            next += counts[s];
        }

        View = new TokenTables
        {
            Positions = Upload(backend, Array.ConvertAll(tokens, t => t.Position)),
            Sequences = Upload(backend, Array.ConvertAll(tokens, t => t.Sequence)),
            BlockTables = Upload(backend, blockTables),
            BlockTableStride = stride,
            BlockSize = blockSize,
            MaxContext = lengths.Max(),
        };
    }

    public (int Sequence, int Position)[] Tokens { get; }

    public int[] Positions => Array.ConvertAll(Tokens, t => t.Position);

    public int CacheRows { get; }

    public TokenTables View { get; }

    /// <summary>The cache row of a position.</summary>
    public int Row(int sequence, int position) => blockTables[sequence * stride + position / blockSize] * blockSize + position % blockSize;

    public void Dispose()
    {
        View.Positions.Dispose();
        View.Sequences.Dispose();
        View.BlockTables.Dispose();
    }

    private static DeviceArray<int> Upload(IBackend backend, int[] values)
    {
        DeviceArray<int> array = backend.Allocate<int>(values.Length);
        array.Upload(values);
        return array;
    }
}
