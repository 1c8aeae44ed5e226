using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Emitted;
using DeepSeekEngine.Kernels.Cpu.Scalar;

namespace DeepSeekEngine.Tests.Kernels.Cpu.Emitted;

/// <summary>The functions of attention in bfloat16.</summary>
public enum AttentionFunction
{
    Scores,
    Values,
}

/// <summary>Random operands of one function, laid out in one piece of memory that may lie at any address.</summary>
/// <param name="length">Steps of columns for scores, pairs of positions for values.</param>
/// <param name="queries">For values; scores are always of sixteen.</param>
/// <param name="columns">For values.</param>
/// <param name="exponents">How many there are; from about 60 on, products are subnormal.</param>
internal sealed unsafe class AttentionCase(AttentionFunction function, int length, int queries, int columns, int exponents)
{
    public const int ResultOffset = 256;

    private const int Lanes = BFloat16AttentionBlock.Queries;
    private const int TileColumns = BFloat16AttentionBlock.TileColumns;
    private const int StepColumns = 2 * BFloat16AttentionBlock.StepPairs;

    private bool IsScores => function == AttentionFunction.Scores;

    /// <summary>Bytes from a key to the next, or from the values of 32 columns to the next: more than there are.</summary>
    private int SecondBytes => IsScores ? length * StepColumns * sizeof(ushort) + 12 : (length + 1) * TileColumns * sizeof(uint);

    private int YBytes => (columns + 3) * sizeof(float);

    /// <summary>What follows the results is theirs too: it must stay as it is.</summary>
    public int ResultBytes => IsScores ? (16 * Lanes + 4) * sizeof(float) : (queries + 1) * YBytes;

    public static IEnumerable<AttentionCase> All(AttentionFunction function)
        => from length in (int[])[1, 2, 7, 24]
           from queries in function == AttentionFunction.Scores ? [Lanes] : Enumerable.Range(1, Lanes)
           from columns in function == AttentionFunction.Scores ? [0] : (int[])[1, 16, 31, 32, 33, 100]
           from exponents in (int[])[8, 60, 140]
           select new AttentionCase(function, length, queries, columns, exponents);

    public FunctionEmitter Emitter() => IsScores ? new BFloat16ScoresEmitter() : new BFloat16ValuesEmitter();

    /// <summary>The whole case as it lies in memory from an address on, a multiple of 64; the arguments come first, then the results.</summary>
    public byte[] Image(ulong address)
    {
        var random = new Random(HashCode.Combine((int)function, length, queries, columns, exponents));
        int firstBytes = length * (IsScores ? BFloat16AttentionBlock.StepPairs : 1) * Lanes * sizeof(uint);
        int secondCount = IsScores ? BFloat16AttentionBlock.TileKeys : (columns + TileColumns - 1) / TileColumns;
        int first = (ResultOffset + ResultBytes + 63) & ~63;
        int decay = first + firstBytes;
        int second = decay + Lanes * sizeof(float);
        var image = new byte[second + secondCount * SecondBytes];
        for (int i = ResultOffset; i < first; i += sizeof(float))
        {
            BitConverter.TryWriteBytes(image.AsSpan(i), random.NextSingle() - 0.5f);
        }

        CaseMemory.Fill(random, image.AsSpan(first), exponents);
        for (int i = decay; i < second; i += sizeof(float))
        {
            BitConverter.TryWriteBytes(image.AsSpan(i), random.NextSingle());
        }

        byte* start = (byte*)address;
        if (IsScores)
        {
            CaseMemory.Write(image, new BFloat16ScoresArguments
            {
                Queries = (uint*)(start + first), Keys = (ushort*)(start + second), KeyBytes = SecondBytes, Steps = length,
                Scores = (float*)(start + ResultOffset), Ahead = start,
            });
        }
        else
        {
            CaseMemory.Write(image, new BFloat16ValuesArguments
            {
                Weights = (uint*)(start + first), Decay = (float*)(start + decay), Values = (uint*)(start + second),
                ValueBytes = SecondBytes, Pairs = length, Queries = queries, Columns = columns, Y = (float*)(start + ResultOffset),
                YBytes = YBytes,
            });
        }

        return image;
    }

    /// <summary>What the function's twin leaves of the case in this process's memory.</summary>
    public byte[] Expected() => Result(ScalarBFloat16.Kernels.Attention);

    /// <summary>The same of one of some functions.</summary>
    public byte[] Result(in BFloat16AttentionFunctions functions)
    {
        using var memory = new NativeBuffer(Image(0).Length);
        Image((ulong)memory.Pointer).CopyTo(new Span<byte>(memory.Pointer, (int)memory.ByteLength));
        if (IsScores)
        {
            functions.Scores((BFloat16ScoresArguments*)memory.Pointer);
        }
        else
        {
            functions.Values((BFloat16ValuesArguments*)memory.Pointer);
        }

        return new ReadOnlySpan<byte>(memory.Pointer + ResultOffset, ResultBytes).ToArray();
    }

    public override string ToString() => $"{function} of {length}, {queries} queries, {columns} columns, {exponents} exponents";
}
