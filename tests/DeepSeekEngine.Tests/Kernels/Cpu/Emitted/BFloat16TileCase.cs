using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Emitted;
using DeepSeekEngine.Kernels.Cpu.Scalar;

namespace DeepSeekEngine.Tests.Kernels.Cpu.Emitted;

/// <summary>Random bfloat16 weights and activations, laid out in one piece of memory that may lie at any address.</summary>
internal sealed unsafe class BFloat16TileCase
{
    public const int ResultOffset = 128;

    private const int YStride = PackedLayout.PanelRows + 3;

    private readonly int blocks;
    private readonly int pairs;
    private readonly int tokens;
    private readonly int exponents;

    /// <param name="exponents">How far numbers lie apart; from about 60 on, products are subnormal.</param>
    public BFloat16TileCase(int blocks, int pairs, int tokens, int exponents)
    {
        this.blocks = blocks;
        this.pairs = pairs;
        this.tokens = tokens;
        this.exponents = exponents;
    }

    public int ResultBytes => tokens * YStride * sizeof(float);

    /// <summary>The whole case as it lies in memory from an address on, a multiple of 64; the tile comes first, then the results.</summary>
    public byte[] Image(ulong address)
    {
        var random = new Random(HashCode.Combine(blocks, pairs, tokens, exponents));
        int xStride = blocks * pairs * 2 + 8;
        int weights = (ResultOffset + ResultBytes + 63) & ~63;
        int x = weights + blocks * pairs * 64;
        int scales = (x + tokens * xStride * 2 + 63) & ~63;
        var image = new byte[scales + blocks * 64];
        for (int i = ResultOffset; i < weights; i += 4)
        {
            BitConverter.TryWriteBytes(image.AsSpan(i), random.NextSingle() - 0.5f);
        }

        for (int i = weights; i < scales; i += 2)
        {
            int exponent = Math.Max(0, 127 - random.Next(exponents));
            BitConverter.TryWriteBytes(image.AsSpan(i), (ushort)(random.Next(2) << 15 | exponent << 7 | random.Next(128)));
        }

        for (int i = scales; i < image.Length; i += 4)
        {
            BitConverter.TryWriteBytes(image.AsSpan(i), random.NextSingle() * 1e-3f);
        }

        byte* start = (byte*)address;
        var tile = new BFloat16Tile
        {
            Weights = (ushort*)(start + weights),
            Scales = (float*)(start + scales),
            Blocks = blocks,
            Pairs = pairs,
            Tokens = tokens,
            X = (ushort*)(start + x),
            XStride = xStride,
            Y = (float*)(start + ResultOffset),
            YStride = YStride,
        };
        new ReadOnlySpan<byte>(&tile, sizeof(BFloat16Tile)).CopyTo(image);
        return image;
    }

    public byte[] Expected() => Result(&ScalarBFloat16.Tile);

    /// <summary>What a function leaves of the case in this process's memory.</summary>
    public byte[] Result(delegate* unmanaged<BFloat16Tile*, void> function)
    {
        using var memory = new NativeBuffer(Image(0).Length);
        Image((ulong)memory.Pointer).CopyTo(new Span<byte>(memory.Pointer, (int)memory.ByteLength));
        function((BFloat16Tile*)memory.Pointer);
        return new ReadOnlySpan<byte>(memory.Pointer + ResultOffset, ResultBytes).ToArray();
    }
}
