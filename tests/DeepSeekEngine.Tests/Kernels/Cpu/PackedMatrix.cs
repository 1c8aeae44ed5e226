using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;

namespace DeepSeekEngine.Tests.Kernels.Cpu;

/// <summary>A packed matrix in native memory of its own.</summary>
internal sealed unsafe class PackedMatrix : IDisposable
{
    private readonly NativeBuffer memory;

    public PackedMatrix(in WeightMatrix source, WeightEncoding encoding)
        : this(encoding, source.Rows, source.Columns)
    {
        using var scratch = new NativeBuffer((long)Quantizer.ScratchLength(source.Columns) * sizeof(float));
        Quantizer.Quantize(source, encoding, 0, PackedLayout.Panels(source.Rows), memory.Pointer, (float*)scratch.Pointer);
    }

    public PackedMatrix(WeightEncoding encoding, int rows, int columns)
    {
        memory = new NativeBuffer(PackedLayout.ByteLength(encoding, rows, columns));
        View = new WeightMatrix { Encoding = encoding, Rows = rows, Columns = columns, Data = memory.Pointer };
    }

    public WeightMatrix View { get; }

    public Span<byte> Data => new(memory.Pointer, (int)memory.ByteLength);

    public void Dispose() => memory.Dispose();
}
