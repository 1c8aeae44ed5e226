using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Emitted;
using DeepSeekEngine.Kernels.Cpu.Scalar;

namespace DeepSeekEngine.Tests.Kernels.Cpu.Emitted;

/// <summary>The functions of bfloat16 products.</summary>
public enum BFloat16Function
{
    Tile,
    Vector16,
    Vector8,
    Decode16,
    Decode8,
    Round16,
    Round8,
}

/// <summary>Random operands of one function, laid out in one piece of memory that may lie at any address.</summary>
internal sealed unsafe class BFloat16Case(BFloat16Function function, int rows, int columns, int tokens, int exponents)
{
    public const int ResultOffset = 256;

    /// <summary>Elements from one stored row to the next: not aligned, as in files.</summary>
    private int Stride => columns + 3;

    private int Chunks => new ColumnChunks(columns).Chunks;

    private bool EightBits => function is BFloat16Function.Vector8 or BFloat16Function.Decode8 or BFloat16Function.Round8;

    private int TileRows => (rows + BFloat16Layout.TileRows - 1) / BFloat16Layout.TileRows * BFloat16Layout.TileRows;

    public int ResultBytes => function switch
    {
        BFloat16Function.Tile => (tokens * (TileRows + 3) + 4) * sizeof(float),
        BFloat16Function.Vector8 or BFloat16Function.Vector16 => tokens * VectorYBytes,
        BFloat16Function.Decode8 or BFloat16Function.Decode16 => (rows + 1) * BFloat16Layout.RowBytes,
        _ => (Chunks + 1) * BFloat16Layout.ChunkBytes,
    };

    /// <summary>Bytes of a token's results and some that must stay as they are.</summary>
    private int VectorYBytes => (rows + 5) * sizeof(float);

    private int XBytes => Chunks * BFloat16Layout.ChunkBytes + (function is BFloat16Function.Vector8 or BFloat16Function.Vector16 ? 64 : 0);

    public FunctionEmitter Emitter() => function switch
    {
        BFloat16Function.Tile => new BFloat16TileEmitter(),
        BFloat16Function.Vector8 or BFloat16Function.Vector16 => new BFloat16VectorEmitter(EightBits),
        BFloat16Function.Decode8 or BFloat16Function.Decode16 => new BFloat16DecodeEmitter(EightBits),
        _ => new BFloat16RoundEmitter(EightBits),
    };

    /// <summary>The whole case as it lies in memory from an address on, a multiple of 64; the arguments come first, then the results.</summary>
    public byte[] Image(ulong address)
    {
        var random = new Random(HashCode.Combine((int)function, rows, columns, tokens, exponents));
        int weights = (ResultOffset + ResultBytes + 63) & ~63;
        int weightBytes = function == BFloat16Function.Tile ? TileRows * BFloat16Layout.RowBytes : rows * Stride * (EightBits ? 1 : 2) + 64;
        int x = (weights + weightBytes + 63) & ~63;
        int xBytes = function switch
        {
            BFloat16Function.Tile => tokens * BFloat16Layout.RowBytes,
            BFloat16Function.Round8 or BFloat16Function.Round16 => columns * sizeof(float),
            _ => tokens * XBytes,
        };
        int scales = (x + xBytes + 63) & ~63;
        int results = (scales + Chunks * sizeof(float) + 63) & ~63;
        var image = new byte[results + BFloat16Layout.VectorTokens * sizeof(long)];
        for (int i = ResultOffset; i < weights; i += 4)
        {
            BitConverter.TryWriteBytes(image.AsSpan(i), random.NextSingle() - 0.5f);
        }

        if (EightBits)
        {
            random.NextBytes(image.AsSpan(weights, weightBytes));
        }
        else
        {
            CaseMemory.Fill(random, image.AsSpan(weights, weightBytes), exponents);
        }

        bool floats = function is BFloat16Function.Round8 or BFloat16Function.Round16;
        for (int i = x; floats && i < x + xBytes; i += 4)
        {
            float value = MathF.ScaleB(random.NextSingle() - 0.5f, -random.Next(exponents));
            BitConverter.TryWriteBytes(image.AsSpan(i), random.Next(50) == 0 ? float.NaN : value);
        }

        if (!floats)
        {
            CaseMemory.Fill(random, image.AsSpan(x, xBytes), exponents);
        }

        for (int i = scales; i < results; i += 4)
        {
            BitConverter.TryWriteBytes(image.AsSpan(i), random.NextSingle());
        }

        byte* start = (byte*)address;
        byte* result = start + ResultOffset;
        for (int t = 0; t < BFloat16Layout.VectorTokens; t++)
        {
            BitConverter.TryWriteBytes(image.AsSpan(results + t * sizeof(long)), address + (ulong)(ResultOffset + t * VectorYBytes));
        }

        var stored = new ColumnChunks(columns);
        nint rowBytes = Stride * (EightBits ? 1 : 2);
        switch (function)
        {
            case BFloat16Function.Tile:
                CaseMemory.Write(image, new BFloat16TileArguments
                {
                    Weights = (ushort*)(start + weights), Rows = TileRows, Chunks = Chunks, Tokens = tokens, X = (ushort*)(start + x),
                    Sums = (float*)result, SumBytes = (TileRows + 3) * sizeof(float),
                });
                break;
            case BFloat16Function.Vector8 or BFloat16Function.Vector16:
                CaseMemory.Write(image, new BFloat16VectorArguments
                {
                    Weights = start + weights, RowBytes = rowBytes, Rows = rows, Columns = stored, Tokens = tokens,
                    X = (ushort*)(start + x), XBytes = XBytes, Y = (float**)(start + results),
                });
                break;
            case BFloat16Function.Decode8 or BFloat16Function.Decode16:
                CaseMemory.Write(image, new BFloat16DecodeArguments
                {
                    Weights = start + weights, RowBytes = rowBytes, Rows = rows, Columns = stored, Destination = (ushort*)result,
                });
                break;
            default:
                CaseMemory.Write(image, new BFloat16RoundArguments
                {
                    X = (float*)(start + x), Columns = stored, Scales = (float*)(start + scales), Y = (ushort*)result,
                });
                break;
        }

        return image;
    }

    /// <summary>What the function's twin leaves of the case in this process's memory.</summary>
    public byte[] Expected() => Result(ScalarBFloat16.Kernels);

    /// <summary>The same of one of some functions.</summary>
    public byte[] Result(BFloat16Kernels kernels)
    {
        BFloat16Functions functions = EightBits ? kernels.F8E4M3 : kernels.BF16;
        using var memory = new NativeBuffer(Image(0).Length);
        Image((ulong)memory.Pointer).CopyTo(new Span<byte>(memory.Pointer, (int)memory.ByteLength));
        switch (function)
        {
            case BFloat16Function.Tile:
                functions.Tile((BFloat16TileArguments*)memory.Pointer);
                break;
            case BFloat16Function.Vector8 or BFloat16Function.Vector16:
                functions.Vector((BFloat16VectorArguments*)memory.Pointer);
                break;
            case BFloat16Function.Decode8 or BFloat16Function.Decode16:
                functions.Decode((BFloat16DecodeArguments*)memory.Pointer);
                break;
            default:
                functions.Round((BFloat16RoundArguments*)memory.Pointer);
                break;
        }

        return new ReadOnlySpan<byte>(memory.Pointer + ResultOffset, ResultBytes).ToArray();
    }

    public override string ToString() => $"{function} of {rows} rows, {columns} columns, {tokens} tokens, {exponents} exponents";
}
