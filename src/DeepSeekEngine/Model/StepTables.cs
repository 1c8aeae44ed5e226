using DeepSeekEngine.Backends;
using DeepSeekEngine.Cache;

namespace DeepSeekEngine.Model;

/// <summary>A batch's tables in the backend's memory, at fixed addresses, so that a step is nothing but operations on them.</summary>
internal sealed class StepTables : IDisposable
{
    private readonly DeviceArray<int> _positions;
    private readonly DeviceArray<int> _rowSequences;
    private readonly DeviceArray<int> _blockTables;
    private readonly int[] _hostBlockTables;
    private readonly int _stride;

    public StepTables(IDeviceMemory memory, int maxTokens, int maxSequences, int maxOutputs, int contextLength)
    {
        _stride = BlockPool.BlocksFor(contextLength);
        _hostBlockTables = new int[checked(_stride * maxSequences)];
        Tokens = memory.Allocate<int>(maxTokens);
        Outputs = memory.Allocate<int>(maxOutputs);
        _positions = memory.Allocate<int>(maxTokens);
        _rowSequences = memory.Allocate<int>(maxTokens);
        _blockTables = memory.Allocate<int>(_hostBlockTables.Length);
    }

    public DeviceArray<int> Tokens { get; }

    public DeviceArray<int> Outputs { get; }

    public TokenTables Upload(Batch batch)
    {
        var maxContext = 0;
        for (var i = 0; i < batch.Sequences.Length; i++)
        {
            var sequence = batch.Sequences[i];
            maxContext = Math.Max(maxContext, sequence.ContextLength);
            var used = BlockPool.BlocksFor(sequence.ContextLength);
            sequence.Table.Blocks[..used].CopyTo(_hostBlockTables.AsSpan(i * _stride));
        }

        Tokens.Upload(batch.Tokens);
        Outputs.Upload(batch.Outputs);
        _positions.Upload(batch.Positions);
        _rowSequences.Upload(batch.RowSequences);
        _blockTables.Upload(_hostBlockTables.AsSpan(0, batch.Sequences.Length * _stride));
        return new TokenTables
        {
            Positions = _positions,
            Sequences = _rowSequences,
            BlockTables = _blockTables,
            BlockTableStride = _stride,
            BlockSize = BlockPool.BlockSize,
            MaxContext = maxContext,
        };
    }

    public void Dispose()
    {
        Tokens.Dispose();
        Outputs.Dispose();
        _positions.Dispose();
        _rowSequences.Dispose();
        _blockTables.Dispose();
    }
}
