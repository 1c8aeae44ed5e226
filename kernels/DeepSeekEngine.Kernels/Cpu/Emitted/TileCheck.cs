namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>
/// Whether this processor's tiles give the bits that its registers give. Their products are exact, so one that differs is wrong; asked once,
/// before tiles are chosen, since no test can stand for every processor that has them.
/// </summary>
internal static unsafe class TileCheck
{
    private const int Tokens = 16, Blocks = 2;

    /// <summary>Whether both kernels compute the same of a small panel and as many tokens as a tile has rows.</summary>
    public static bool Agree(
        WeightEncoding encoding, delegate* unmanaged<PackedTile*, void> tiles, delegate* unmanaged<PackedTile*, void> registers)
    {
        if (!SignalStack.Ensure())
        {
            return false;
        }

        int columns = Blocks * PackedLayout.BlockColumns(encoding);
        int panelBytes = Blocks * PackedLayout.BlockBytes(encoding);
        long activationBytes = QuantizedRows.ByteLength(Tokens, columns);
        int results = Tokens * PackedLayout.PanelRows;
        using var memory = new NativeBuffer(activationBytes + panelBytes + (2L * results + (long)Tokens * columns) * sizeof(float));
        byte* panel = memory.Pointer;
        byte* activations = panel + panelBytes;
        float* expected = (float*)(activations + activationBytes);
        float* found = expected + results;
        float* x = found + results;

        // Scales whose bits are ordinary numbers, and integers and activations of every sign and size.
        uint state = 1;
        for (int i = 0; i < panelBytes; i++)
        {
            panel[i] = (byte)(Next(ref state) >> 24);
        }

        int scaleBytes = PackedLayout.BlockBytes(encoding) - PackedLayout.BlockColumns(encoding) * PackedLayout.PanelRows
            / (encoding == WeightEncoding.Int8 ? 1 : 2);
        for (int block = 0; block < Blocks; block++)
        {
            new Span<byte>(panel + block * PackedLayout.BlockBytes(encoding), scaleBytes).Fill(0x3C);
        }

        for (int i = 0; i < Tokens * columns; i++)
        {
            x[i] = (int)Next(ref state) * 1e-9f;
        }

        var rows = new QuantizedRows(activations, Tokens, columns);
        for (int t = 0; t < Tokens; t++)
        {
            rows.Quantize(x + t * columns, columns, t);
        }

        var tile = new PackedTile
        {
            Weights = panel,
            Blocks = Blocks,
            Tokens = Tokens,
            YStride = PackedLayout.PanelRows,
            Y = expected,
            Ahead = panel,
        };
        rows.Describe(0, 1, encoding, &tile);
        registers(&tile);
        tile.Y = found;
        tiles(&tile);
        return new ReadOnlySpan<byte>(expected, results * sizeof(float)).SequenceEqual(new ReadOnlySpan<byte>(found, results * sizeof(float)));
    }

    private static uint Next(ref uint state) => state = state * 1664525 + 1013904223;
}
