using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Emitted;

namespace DeepSeekEngine.Tests.Kernels.Cpu.Emitted;

/// <summary>The functions of packed products.</summary>
public enum PackedFunction
{
    Int8,
    Int4,
    AmxInt8,
    AmxInt4,
}

/// <summary>
/// A random panel and random tokens, laid out in one piece of memory that may lie at any address, and what their product must be to the
/// last bit. Strides are larger than rows, so that what a kernel does beyond them shows.
/// </summary>
internal sealed unsafe class PackedTileCase
{
    private const int YStride = PackedLayout.PanelRows + 3;
    private const byte Canary = 0xCD;

    private readonly WeightEncoding encoding;
    private readonly int blocks;
    private readonly int tokens;
    private readonly byte[] weights;
    private readonly sbyte[] x;
    private readonly float[] xScales;
    private readonly int[] xBiases;

    /// <param name="extreme">Whether all integers are the largest there are, so that sums are.</param>
    public PackedTileCase(PackedFunction function, int blocks, int tokens, bool extreme = false)
    {
        encoding = function is PackedFunction.Int8 or PackedFunction.AmxInt8 ? WeightEncoding.Int8 : WeightEncoding.Int4;
        this.blocks = blocks;
        this.tokens = tokens;
        var random = new Random(HashCode.Combine(7, (int)encoding, blocks, tokens));
        int columns = (blocks * PackedLayout.BlockColumns(encoding) + 127) & ~127;
        XStride = columns + 64;
        XScaleStride = columns / 128 + 1;
        int group = encoding == WeightEncoding.Int8 ? 128 : 32;
        XBiasStride = columns / group + 3;
        weights = new byte[blocks * PackedLayout.BlockBytes(encoding)];
        random.NextBytes(weights);
        const int scaleBytes = 64;
        for (int block = 0; block < blocks; block++)
        {
            Span<byte> bytes = weights.AsSpan(block * PackedLayout.BlockBytes(encoding), PackedLayout.BlockBytes(encoding));
            for (int i = 0; i < scaleBytes; i += encoding == WeightEncoding.Int8 ? 4 : 2)
            {
                float scale = random.NextSingle() * 0.02f + 0.001f;
                if (encoding == WeightEncoding.Int8)
                {
                    BitConverter.TryWriteBytes(bytes[i..], scale);
                }
                else
                {
                    BitConverter.TryWriteBytes(bytes[i..], (ushort)(BitConverter.SingleToUInt32Bits(scale) >> 16));
                }
            }

            if (extreme)
            {
                bytes[scaleBytes..].Fill(0xFF);
            }
        }

        x = new sbyte[tokens * XStride];
        xScales = new float[tokens * XScaleStride];
        xBiases = new int[tokens * XBiasStride];
        for (int t = 0; t < tokens; t++)
        {
            for (int k = 0; k < columns; k++)
            {
                x[t * XStride + k] = extreme ? (sbyte)127 : (sbyte)random.Next(-127, 128);
                xBiases[t * XBiasStride + k / group] -= (encoding == WeightEncoding.Int8 ? PackedLayout.Int8Bias : PackedLayout.Int4Bias) * x[t * XStride + k];
            }

            for (int i = 0; i < columns / 128; i++)
            {
                xScales[t * XScaleStride + i] = random.NextSingle() * 0.05f;
            }
        }
    }

    public static int ResultOffset => 128;

    public int ResultBytes => tokens * YStride * sizeof(float);

    private int XStride { get; }

    private int XScaleStride { get; }

    private int XBiasStride { get; }

    public static FunctionEmitter Emitter(PackedFunction function) => function switch
    {
        PackedFunction.Int8 => new PackedInt8Emitter(),
        PackedFunction.Int4 => new PackedInt4Emitter(),
        PackedFunction.AmxInt8 => new AmxInt8Emitter(),
        _ => new AmxInt4Emitter(),
    };

    /// <summary>The whole case as it lies in memory from an address on, a multiple of 64; the tile comes first, then the results.</summary>
    public byte[] Image(ulong address)
    {
        int result = ResultOffset;
        int panel = Align(result + ResultBytes);
        int activations = panel + Align(weights.Length);
        int scales = activations + Align(x.Length);
        int sums = scales + Align(xScales.Length * sizeof(float));
        var image = new byte[sums + Align(xBiases.Length * sizeof(int))];
        image.AsSpan(result, ResultBytes).Fill(Canary);
        weights.CopyTo(image, panel);
        Buffer.BlockCopy(x, 0, image, activations, x.Length);
        Buffer.BlockCopy(xScales, 0, image, scales, xScales.Length * sizeof(float));
        Buffer.BlockCopy(xBiases, 0, image, sums, xBiases.Length * sizeof(int));
        byte* start = (byte*)address;
        var tile = new PackedTile
        {
            Weights = start + panel,
            Blocks = blocks,
            Tokens = tokens,
            X = (sbyte*)(start + activations),
            XStride = XStride,
            XScales = (float*)(start + scales),
            XScaleStride = XScaleStride,
            XBiases = (int*)(start + sums),
            XBiasStride = XBiasStride,
            Y = (float*)(start + result),
            YStride = YStride,
        };
        CaseMemory.Write(image, tile);
        return image;
    }

    /// <summary>Column by column from the definition of the layout and of the tile.</summary>
    public byte[] Expected()
    {
        var y = new byte[ResultBytes];
        Array.Fill(y, Canary);
        int group = encoding == WeightEncoding.Int8 ? 128 : 32;
        int columns = blocks * PackedLayout.BlockColumns(encoding);
        for (int t = 0; t < tokens; t++)
        {
            for (int row = 0; row < PackedLayout.PanelRows; row++)
            {
                float sum = 0;
                for (int first = 0; first < columns; first += group)
                {
                    int products = 0;
                    for (int k = first; k < first + group; k++)
                    {
                        products += Weight(row, k) * x[t * XStride + k];
                    }

                    float scale = Scale(row, first) * xScales[t * XScaleStride + first / 128];
                    sum = MathF.FusedMultiplyAdd(products, scale, sum);
                }

                BitConverter.TryWriteBytes(y.AsSpan((t * YStride + row) * sizeof(float)), sum);
            }
        }

        return y;
    }

    private static int Align(int bytes) => (bytes + 63) & ~63;

    private int Weight(int row, int column)
    {
        if (encoding == WeightEncoding.Int8)
        {
            int inBlock = column % 128;
            return weights[column / 128 * PackedLayout.Int8BlockBytes + 64 + inBlock / 4 * 64 + row * 4 + inBlock % 4] - PackedLayout.Int8Bias;
        }

        int half = column % 64;
        byte pair = weights[column / 64 * PackedLayout.Int4BlockBytes + 64 + half / 8 * 64 + row * 4 + half % 4];
        return (half % 8 < 4 ? pair & 15 : pair >> 4) - PackedLayout.Int4Bias;
    }

    private float Scale(int row, int column)
        => encoding == WeightEncoding.Int8
            ? BitConverter.ToSingle(weights, column / 128 * PackedLayout.Int8BlockBytes + row * 4)
            : BitConverter.UInt32BitsToSingle((uint)BitConverter.ToUInt16(
                weights, column / 64 * PackedLayout.Int4BlockBytes + column % 64 / 32 * 32 + row * 2) << 16);
}
