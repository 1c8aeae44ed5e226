using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Gpu;
using ILGPU;
using ILGPU.Runtime;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <summary>A weight matrix in an accelerator's memory.</summary>
internal sealed class IlgpuMatrix(WeightEncoding encoding, int rows, int columns, DeviceWeights weights, bool exactActivations)
    : Matrix(encoding, rows, columns)
{
    public DeviceWeights Weights => weights;

    /// <inheritdoc cref="WeightMatrix.ExactActivations"/>
    public bool ExactActivations => exactActivations;

    public override void Dispose() => weights.Dispose();
}

/// <summary>One projection of all experts in an accelerator's memory.</summary>
internal sealed class IlgpuExpertMatrices(WeightEncoding encoding, int experts, int rows, int columns, DeviceWeights weights)
    : ExpertMatrices(encoding, experts, rows, columns)
{
    public DeviceWeights Weights => weights;

    public override void Dispose() => weights.Dispose();
}

/// <summary>Matrices of one shape and encoding, one after the other, in the layout of <see cref="WeightView"/>.</summary>
internal sealed class DeviceWeights : IDisposable
{
    private const int QuadBytes = 16;

    private readonly MemoryBuffer1D<Quad, Stride1D.Dense> data;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> scales;

    /// <param name="loaded">Told the index of each matrix once its host memory has been read. May throw, to stop.</param>
    /// <exception cref="ArgumentException">The matrices differ in shape or encoding, or the description of one makes no sense.</exception>
    public unsafe DeviceWeights(IlgpuBackend owner, ReadOnlySpan<WeightMatrix> matrices, Action<int>? loaded = null)
    {
        Owner = owner;
        WeightMatrix first = matrices[0];
        foreach (ref readonly WeightMatrix matrix in matrices)
        {
            Check(matrix, first);
        }

        // Kernels look a scale up once for the columns of one load. No checkpoint known has blocks so narrow.
        bool widened = first.Encoding == WeightEncoding.F8E4M3 && first.BlockColumns % QuadBytes != 0;
        Encoding = widened ? WeightEncoding.F32 : first.Encoding;
        long rowBytes = first.IsPacked
            ? PackedLayout.PanelBytes(Encoding, first.Columns)
            : (long)first.Columns * Encoding.BytesPerElement();
        int rows = first.IsPacked ? PackedLayout.Panels(first.Rows) : first.Rows;
        int pitch = checked((int)((rowBytes + QuadBytes - 1) / QuadBytes));
        long matrixBytes = (long)rows * pitch * QuadBytes;
        long scaleBytes = widened ? 0 : (long)first.ScaleRows * first.ScaleColumns * sizeof(float);
        data = owner.AllocateBuffer<Quad>(checked((long)matrices.Length * rows * pitch));
        try
        {
            scales = owner.AllocateBuffer<float>(Math.Max(1, checked(matrices.Length * scaleBytes / sizeof(float))));
        }
        catch
        {
            owner.Release(data);
            throw;
        }

        ArrayView<byte> dataBytes = data.View.BaseView.Cast<byte>();
        ArrayView<byte> scaleViewBytes = scales.View.BaseView.Cast<byte>();
        try
        {
            for (int i = 0; i < matrices.Length; i++)
            {
                using NativeBuffer? wide = widened ? Widen(matrices[i]) : null;
                byte* source = wide is null ? matrices[i].Data : wide.Pointer;
                owner.Uploads.Upload(source, rows, rowBytes, dataBytes, i * matrixBytes, (long)pitch * QuadBytes);
                owner.Uploads.Upload((byte*)matrices[i].Scales, 1, scaleBytes, scaleViewBytes, i * scaleBytes, scaleBytes);
                loaded?.Invoke(i);
            }

            owner.Uploads.Complete();
        }
        catch
        {
            owner.Uploads.Complete();
            Dispose();
            throw;
        }

        View = new WeightView
        {
            Data = data.View.BaseView,
            Scales = scales.View.BaseView,
            Rows = first.Rows,
            Columns = first.Columns,
            Pitch = pitch,
            BlockRows = first.BlockRows,
            BlockColumns = first.BlockColumns,
            ScaleRows = first.ScaleRows,
            ScaleColumns = first.ScaleColumns,
        };
    }

    /// <summary>What the kernels read, which is float32 where scales are for fewer columns than they load at once.</summary>
    public WeightEncoding Encoding { get; }

    public IlgpuBackend Owner { get; }

    public WeightView View { get; }

    public bool IsDisposed => data.IsDisposed;

    public void Dispose()
    {
        Owner.Release(data);
        Owner.Release(scales);
    }

    private static unsafe void Check(in WeightMatrix matrix, in WeightMatrix first)
    {
        if (matrix.Rows <= 0 || matrix.Columns <= 0 || matrix.Data is null)
        {
            throw new ArgumentException($"A weight matrix of {matrix.Rows} x {matrix.Columns} has no elements.");
        }

        bool scaled = matrix.Encoding == WeightEncoding.F8E4M3;
        if (scaled ? matrix.Scales is null || matrix.BlockRows <= 0 || matrix.BlockColumns <= 0 : matrix.Scales is not null)
        {
            throw new ArgumentException($"F8E4M3 matrices, and only they, have scales; this one is {matrix.Encoding}.");
        }

        if (matrix.Encoding != first.Encoding || matrix.Rows != first.Rows || matrix.Columns != first.Columns
            || matrix.BlockRows != first.BlockRows || matrix.BlockColumns != first.BlockColumns)
        {
            throw new ArgumentException(
                $"Experts must be of one shape and encoding: {matrix.Encoding} {matrix.Rows} x {matrix.Columns} follows "
                + $"{first.Encoding} {first.Rows} x {first.Columns}.");
        }
    }

    /// <summary>The matrix as float32.</summary>
    private static unsafe NativeBuffer Widen(in WeightMatrix matrix)
    {
        NativeBuffer wide = SimdBackend.AllocateBuffer((long)matrix.Rows * matrix.Columns * sizeof(float));
        MatrixRows.Decode<Lanes128>(matrix, 0, matrix.Rows, 0, matrix.Columns, (float*)wide.Pointer, matrix.Columns);
        return wide;
    }
}
