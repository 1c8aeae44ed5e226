using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Benchmarks.Synthetic;

/// <summary>
/// Matrices of random values in every encoding. The values have either sign and magnitudes spread evenly
/// over four powers of two, a root mean square of about 0.055: never zero, subnormal or NaN, and activations stay of the order of 1.
/// </summary>
/// <param name="shared">
/// Whether matrices of one encoding and shape are the same memory: for a device that copies them to memory of its own.
/// </param>
internal sealed unsafe class SyntheticMatrices(Arena arena, bool shared = false)
{
    /// <summary>The multiplier of an eight-bit integer that gives these magnitudes.</summary>
    public const float Int8Scale = 7.5e-4f;

    /// <summary>The multiplier of a four-bit integer that gives these magnitudes.</summary>
    public const float Int4Scale = 0.012f;

    private const float F8Scale = 1f / 256;
    private const int F8Block = 128;
    private readonly Dictionary<(WeightEncoding, int, int), WeightMatrix> _created = [];
    private ulong _seed;

    public WeightMatrix Create(WeightEncoding encoding, int rows, int columns)
    {
        if (!shared)
        {
            return New(encoding, rows, columns);
        }

        if (!_created.TryGetValue((encoding, rows, columns), out var matrix))
        {
            matrix = New(encoding, rows, columns);
            _created.Add((encoding, rows, columns), matrix);
        }

        return matrix;
    }

    /// <summary>Which bits of 64 random ones make values of these magnitudes, and which are set besides.</summary>
    public static (ulong Mask, ulong Set) Bits(WeightEncoding encoding) => encoding switch
    {
        WeightEncoding.F32 => (0x81FFFFFF_81FFFFFFUL, 0x3C000000_3C000000UL),
        WeightEncoding.F16 => (0x8FFF8FFF_8FFF8FFFUL, 0x20002000_20002000UL),
        WeightEncoding.BF16 => (0x81FF81FF_81FF81FFUL, 0x3C003C00_3C003C00UL),
        WeightEncoding.F8E4M3 => (0x9F9F9F9F_9F9F9F9FUL, 0x40404040_40404040UL),
        WeightEncoding.Int8 => (ulong.MaxValue, 0x01010101_01010101UL),
        _ => (ulong.MaxValue, 0UL),
    };

    private WeightMatrix New(WeightEncoding encoding, int rows, int columns)
    {
        var matrix = new WeightMatrix { Encoding = encoding, Rows = rows, Columns = columns, Data = null };
        matrix = matrix with { Data = arena.Take(matrix.ByteLength) };
        var (mask, set) = Bits(encoding);
        RandomBits.Fill(matrix.Data, matrix.ByteLength, _seed += 1 << 20, mask, set);
        if (matrix.IsPacked)
        {
            SetScales(matrix);
        }
        else if (encoding is WeightEncoding.F8E4M3)
        {
            matrix = matrix with { BlockRows = F8Block, BlockColumns = F8Block };
            var count = matrix.ScaleRows * matrix.ScaleColumns;
            var scales = (float*)arena.Take(count * sizeof(float));
            new Span<float>(scales, count).Fill(F8Scale);
            matrix = matrix with { Scales = scales };
        }

        return matrix;
    }

    private static void SetScales(WeightMatrix matrix)
    {
        var encoding = matrix.Encoding;
        var blocks = PackedLayout.Blocks(encoding, matrix.Columns);
        var blockBytes = PackedLayout.BlockBytes(encoding);
        if (matrix.Rows % PackedLayout.PanelRows != 0 || matrix.Columns % (2 * PackedLayout.StepColumns) != 0)
        {
            throw new ArgumentException($"{matrix.Rows} x {matrix.Columns} does not fill panels and steps.", nameof(matrix));
        }

        Parallel.For(0, PackedLayout.Panels(matrix.Rows), panel =>
        {
            var data = matrix.Data + (panel * PackedLayout.PanelBytes(encoding, matrix.Columns));
            for (var block = 0; block < blocks; block++, data += blockBytes)
            {
                SetScales(encoding, data);
            }

            // The columns that fill up the last block are zeros.
            var missing = (blocks * PackedLayout.BlockColumns(encoding)) - matrix.Columns;
            var (bytes, zero) = encoding is WeightEncoding.Int8
                ? (missing * PackedLayout.PanelRows, (byte)PackedLayout.Int8Bias)
                : (missing * PackedLayout.PanelRows / 2, (byte)(PackedLayout.Int4Bias * 0x11));
            new Span<byte>(data - bytes, bytes).Fill(zero);
        });
    }

    private static void SetScales(WeightEncoding encoding, byte* block)
    {
        if (encoding is WeightEncoding.Int8)
        {
            new Span<float>(block, PackedLayout.PanelRows).Fill(Int8Scale);
            return;
        }

        var groups = PackedLayout.Int4BlockColumns / PackedLayout.Int4GroupColumns;
        new Span<ushort>(block, groups * PackedLayout.PanelRows).Fill((ushort)(BitConverter.SingleToUInt32Bits(Int4Scale) >> 16));
    }
}
