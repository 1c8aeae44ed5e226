using System.Runtime.CompilerServices;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Gpu;
using ILGPU;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <content>Checks of an operation's arguments, and their form on the device. Nothing is launched with arguments that do not fit.</content>
internal sealed partial class IlgpuBackend
{
    private RowView Rows(in Activations rows, int count, int width, [CallerArgumentExpression(nameof(rows))] string name = "")
    {
        if (width <= 0 || rows.Width != width)
        {
            throw new ArgumentException($"Rows of {width} values are needed, these have {rows.Width}.", name);
        }

        if (rows.Offset < 0 || rows.Stride < width || rows.Offset > rows.Array.Length - width - (count - 1L) * rows.Stride)
        {
            throw new ArgumentException(
                $"{count} rows of {width} values from {rows.Offset} with stride {rows.Stride} do not lie within {rows.Array.Length}.",
                name);
        }

        return new RowView { Data = View(rows.Array, 0, name), Offset = rows.Offset, Stride = rows.Stride };
    }

    private ArrayView<T> View<T>(DeviceArray<T> array, long length, [CallerArgumentExpression(nameof(array))] string name = "")
        where T : unmanaged
    {
        if (array is not IlgpuArray<T> own || own.Owner != this)
        {
            throw new ArgumentException("The array belongs to another backend.", name);
        }

        if (array.Length < length)
        {
            throw new ArgumentException($"{length} elements are needed, there are {array.Length}.", name);
        }

        ObjectDisposedException.ThrowIf(own.IsDisposed, array);
        return own.View;
    }

    private WeightView View(Matrix matrix, int rows, int columns, [CallerArgumentExpression(nameof(matrix))] string name = "")
    {
        if (matrix.Rows != rows || matrix.Columns != columns)
        {
            throw new ArgumentException($"A matrix of {rows} x {columns} is needed, this is {matrix.Rows} x {matrix.Columns}.", name);
        }

        return matrix is IlgpuMatrix own
            ? View(own.Weights, name)
            : throw new ArgumentException("The matrix belongs to another backend.", name);
    }

    private WeightView View(ExpertMatrices experts, int rows, int columns, [CallerArgumentExpression(nameof(experts))] string name = "")
    {
        if (experts.Rows != rows || experts.Columns != columns)
        {
            throw new ArgumentException($"Experts of {rows} x {columns} are needed, these are {experts.Rows} x {experts.Columns}.", name);
        }

        return experts is IlgpuExpertMatrices own
            ? View(own.Weights, name)
            : throw new ArgumentException("The experts belong to another backend.", name);
    }

    private WeightView View(DeviceWeights weights, string name)
    {
        ObjectDisposedException.ThrowIf(weights.IsDisposed, weights);
        return weights.Owner == this ? weights.View : throw new ArgumentException("The weights belong to another backend.", name);
    }

    private TokenView View(in TokenTables tokens, int count)
    {
        if (tokens.First < 0 || tokens.BlockSize <= 0 || tokens.MaxContext <= 0
            || (tokens.MaxContext - 1) / tokens.BlockSize >= tokens.BlockTableStride)
        {
            throw new ArgumentException(
                $"A block table of {tokens.BlockTableStride} blocks of {tokens.BlockSize} tokens cannot hold {tokens.MaxContext} positions.",
                nameof(tokens));
        }

        return new TokenView
        {
            Positions = View(tokens.Positions, (long)tokens.First + count),
            Sequences = View(tokens.Sequences, (long)tokens.First + count),
            BlockTables = View(tokens.BlockTables, tokens.BlockTableStride),
            BlockTableStride = tokens.BlockTableStride,
            BlockSize = tokens.BlockSize,
            First = tokens.First,
        };
    }

    private ArrayView<float> RopeTable(DeviceArray<float> rope, in TokenTables tokens, int width)
    {
        if (width % 2 != 0)
        {
            throw new ArgumentException($"{width} values cannot be rotated in pairs.", nameof(width));
        }

        return View(rope, (long)tokens.MaxContext * width);
    }

    /// <summary>Whether there is anything to do.</summary>
    private static bool Any(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return count > 0;
    }

    private static int TokenTiles(int count) => (int)(((long)count + WeightView.TokenTile - 1) / WeightView.TokenTile);
}
