using System.Runtime.InteropServices;
using DeepSeekEngine.Cache;
using DeepSeekEngine.Model;
using DeepSeekEngine.Runtime;

namespace DeepSeekEngine.Tests.Scheduling;

/// <summary>
/// Stands in for a transformer: its cache holds the tokens themselves, and the logits after a position are random numbers seeded by all
/// tokens up to it, as the cache holds them. A step laid out wrongly gives other logits than the sequence alone, as in a model, and what
/// is right is known exactly.
/// </summary>
internal sealed class PrefixModel(int vocabulary, int cacheTokens)
{
    private readonly int[] _cache = new int[BlockPool.BlocksFor(cacheTokens) * BlockPool.BlockSize];
    private readonly List<int> _prefix = [];
    private Batch _step = null!;

    public BlockPool Pool { get; } = new(BlockPool.BlocksFor(cacheTokens));

    public int Vocabulary => vocabulary;

    /// <summary>The logits of the token after these.</summary>
    public static void Logits(ReadOnlySpan<int> prefix, Span<float> logits)
    {
        var hash = 0UL;
        foreach (var token in prefix)
        {
            hash = new SplitMix64(hash ^ (uint)token).Next();
        }

        var random = new SplitMix64(hash);
        foreach (ref var logit in logits)
        {
            logit = (float)(3 * random.NextDouble());
        }
    }

    public void Forward(Batch step)
    {
        _step = step;
        foreach (var sequence in step.Sequences)
        {
            for (var i = 0; i < sequence.Count; i++)
            {
                _cache[Row(sequence.Table, sequence.FirstPosition + i)] = step.Tokens[sequence.FirstRow + i];
            }
        }
    }

    /// <summary>Logits of one of the step's outputs.</summary>
    public void Logits(int output, Span<float> logits)
    {
        var row = _step.Outputs[output];
        ReadPrefix(_step.Sequences[_step.RowSequences[row]].Table, _step.Positions[row] + 1);
        Logits(CollectionsMarshal.AsSpan(_prefix), logits);
    }

    /// <summary>The logits after a token that follows what a sequence has in the cache.</summary>
    public void Logits(BlockTable table, int positions, int token, Span<float> logits)
    {
        ReadPrefix(table, positions);
        _prefix.Add(token);
        Logits(CollectionsMarshal.AsSpan(_prefix), logits);
    }

    /// <summary>The token a step has in the row after that of an output: the draft that output verifies.</summary>
    public int TokenAfter(int output) => _step.Tokens[_step.Outputs[output] + 1];

    private void ReadPrefix(BlockTable table, int positions)
    {
        _prefix.Clear();
        for (var position = 0; position < positions; position++)
        {
            _prefix.Add(_cache[Row(table, position)]);
        }
    }

    private static int Row(BlockTable table, int position)
        => (table.Blocks[position / BlockPool.BlockSize] * BlockPool.BlockSize) + (position % BlockPool.BlockSize);
}
