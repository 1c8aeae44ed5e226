using System.Runtime.Intrinsics;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>Products of packed matrices with quantised activations.</summary>
internal readonly unsafe struct PackedProducts
{
    public required PackedKernels Kernels { get; init; }

    public required QuantizedRows X { get; init; }

    /// <summary>Rows of X from one token to the next; 0 where there is but one token.</summary>
    public required int Step { get; init; }

    /// <summary>y[j][i] = (accumulate ? y[j][i] : 0) + W[row + i] . x_j, x_j = X's row (first + j) * Step + part.</summary>
    /// <param name="rows">Rows i &lt; rows are computed, for j &lt; count.</param>
    /// <param name="count">At most <see cref="MatrixRows.TokenBlock"/>.</param>
    /// <param name="scratch"><see cref="MatrixRows.ScratchLength"/> floats.</param>
    /// <param name="next">What will be multiplied after these rows; null if it is those that follow them.</param>
    public void Multiply(
        in WeightMatrix matrix, int row, int rows, int first, int part, float** y, int count, bool accumulate, float* scratch, byte* next)
    {
        PackedTile tile;
        X.Describe(first * Step + part, Step, matrix.Encoding, &tile);
        tile.Blocks = PackedLayout.Blocks(matrix.Encoding, matrix.Columns);
        tile.Tokens = count;
        tile.Y = scratch;
        tile.YStride = PackedLayout.PanelRows;
        long panelBytes = PackedLayout.PanelBytes(matrix.Encoding, matrix.Columns);

        // While a panel is multiplied, the next one comes to the second-level cache, in as many parts as there are token groups.
        long passes = Math.Max(1, count / PackedTile.AheadTokens);
        tile.AheadStep = (nint)(panelBytes / (tile.Blocks * passes)) + 1;

        // The rows of an attention head need not begin with a panel.
        for (int done = 0; done < rows;)
        {
            int panel = (row + done) / PackedLayout.PanelRows;
            int skipped = (row + done) % PackedLayout.PanelRows;
            int wanted = Math.Min(rows - done, PackedLayout.PanelRows - skipped);
            tile.Weights = matrix.Data + panel * panelBytes;
            tile.Ahead = done + wanted < rows || next == null ? tile.Weights + panelBytes : next;
            Kernels.Run(matrix.Encoding, &tile);
            for (int j = 0; j < count; j++)
            {
                float* sums = scratch + j * PackedLayout.PanelRows + skipped;
                float* target = y[j] + done;
                if (wanted == PackedLayout.PanelRows)
                {
                    Vector512<float> all = Vector512.Load(sums);
                    (accumulate ? Vector512.Load(target) + all : all).Store(target);
                    continue;
                }

                for (int i = 0; i < wanted; i++)
                {
                    target[i] = accumulate ? target[i] + sums[i] : sums[i];
                }
            }

            done += wanted;
        }
    }
}
