using DeepSeekEngine.Cache;

namespace DeepSeekEngine.Model;

/// <summary>
/// The tokens one sequence has in a step: rows FirstRow .. FirstRow + Count, at positions FirstPosition ..., and the form their attention
/// takes where the step leaves it open.
/// </summary>
internal readonly record struct BatchSequence(BlockTable Table, int FirstRow, int Count, int FirstPosition, AttentionForm Form)
{
    /// <summary>Positions the last of these tokens attends to.</summary>
    public int ContextLength => FirstPosition + Count;
}

/// <summary>
/// A step: tokens of any number of sequences, one row a token, the rows of a sequence in order and together. Prefill, a chunk of it,
/// decoding and verification are all this. Reused from step to step.
/// </summary>
internal sealed class Batch(int maxTokens, int maxSequences, int maxOutputs)
{
    private readonly int[] _tokens = new int[maxTokens];
    private readonly int[] _positions = new int[maxTokens];
    private readonly int[] _rowSequences = new int[maxTokens];
    private readonly int[] _outputs = new int[maxOutputs];
    private readonly BatchSequence[] _sequences = new BatchSequence[maxSequences];
    private int _sequenceCount;

    public int MaxTokens => maxTokens;

    public int MaxSequences => maxSequences;

    public int MaxOutputs => maxOutputs;

    /// <summary>Tokens in the step.</summary>
    public int Count { get; private set; }

    public int OutputCount { get; private set; }

    /// <summary>
    /// Whether a device may round what it computes of many tokens (<see cref="Backends.IBackend.RoundedTokens"/>): all of the step is of
    /// prompts, so much of each that it would round the sequence's tokens alone as well.
    /// </summary>
    public bool MayRound { get; set; }

    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Count);

    public ReadOnlySpan<int> Positions => _positions.AsSpan(0, Count);

    /// <summary>A row's index into <see cref="Sequences"/>.</summary>
    public ReadOnlySpan<int> RowSequences => _rowSequences.AsSpan(0, Count);

    /// <summary>The rows whose logits are wanted, in the order they were asked for.</summary>
    public ReadOnlySpan<int> Outputs => _outputs.AsSpan(0, OutputCount);

    public ReadOnlySpan<BatchSequence> Sequences => _sequences.AsSpan(0, _sequenceCount);

    public void Clear()
    {
        Count = 0;
        OutputCount = 0;
        MayRound = false;
        _sequences.AsSpan(0, _sequenceCount).Clear();
        _sequenceCount = 0;
    }

    /// <summary>Adds a sequence's next tokens and asks for the logits of the last <paramref name="outputs"/> of them.</summary>
    /// <param name="table">Has room for the positions reserved.</param>
    /// <param name="form">The form their attention takes.</param>
    /// <param name="outputsEnd">The token after the last whose logits are wanted, if that is not the last.</param>
    /// <returns>The index of the first of the outputs asked for.</returns>
    /// <exception cref="InvalidOperationException">The step has no room for that much.</exception>
    public int Add(
        BlockTable table, ReadOnlySpan<int> tokens, int firstPosition, int outputs,
        AttentionForm form = AttentionForm.Cheapest, int? outputsEnd = null)
    {
        var end = outputsEnd ?? tokens.Length;
        if (tokens.IsEmpty || outputs < 0 || outputs > end || end > tokens.Length)
        {
            throw new ArgumentException(
                $"{tokens.Length} tokens with {outputs} outputs are not a step's part of a sequence.", nameof(tokens));
        }

        if (tokens.Length > maxTokens - Count || _sequenceCount == maxSequences || outputs > maxOutputs - OutputCount)
        {
            throw new InvalidOperationException(
                $"A step holds {maxTokens} tokens, {maxSequences} sequences and {maxOutputs} outputs; this one has no room for "
                + $"{tokens.Length} more tokens with {outputs} outputs.");
        }

        if (table.Blocks.Length < BlockPool.BlocksFor(firstPosition + tokens.Length))
        {
            throw new InvalidOperationException($"Positions up to {firstPosition + tokens.Length} are not reserved in the cache.");
        }

        _sequences[_sequenceCount] = new BatchSequence(table, Count, tokens.Length, firstPosition, form);
        var firstOutput = OutputCount;
        for (var i = 0; i < tokens.Length; i++, Count++)
        {
            _tokens[Count] = tokens[i];
            _positions[Count] = firstPosition + i;
            _rowSequences[Count] = _sequenceCount;
            if (i >= end - outputs && i < end)
            {
                _outputs[OutputCount++] = Count;
            }
        }

        _sequenceCount++;
        return firstOutput;
    }
}
