using System.Runtime.InteropServices;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu.Scalar;

namespace DeepSeekEngine.Testing.BackendSuite;

/// <summary>A matrix of random stored elements of about unit size in native memory of its own.</summary>
internal sealed unsafe class TestMatrix : IDisposable
{
    private readonly byte* data;
    private readonly float* scales;

    public TestMatrix(WeightEncoding encoding, int rows, int columns, Random random, int blockRows = 128, int blockColumns = 128)
    {
        if (encoding.IsPacked())
        {
            using TestMatrix source = new(WeightEncoding.F32, rows, columns, random);
            byte[] packed = ScalarPacked.Pack(source.View, encoding);
            data = (byte*)NativeMemory.Alloc((nuint)packed.Length);
            packed.CopyTo(new Span<byte>(data, packed.Length));
            View = new WeightMatrix { Encoding = encoding, Rows = rows, Columns = columns, Data = data };
            return;
        }

        bool scaled = encoding == WeightEncoding.F8E4M3;
        data = (byte*)NativeMemory.Alloc((nuint)rows * (nuint)columns * (nuint)encoding.BytesPerElement());
        View = new WeightMatrix
        {
            Encoding = encoding,
            Rows = rows,
            Columns = columns,
            Data = data,
            BlockRows = scaled ? blockRows : 0,
            BlockColumns = scaled ? blockColumns : 0,
        };
        int blocks = View.ScaleRows * View.ScaleColumns;
        scales = (float*)NativeMemory.Alloc((nuint)blocks * sizeof(float));
        View = View with { Scales = scaled ? scales : null };
        for (int i = 0; i < blocks; i++)
        {
            scales[i] = (0.5f + random.NextSingle()) / 256;
        }

        for (int i = 0; i < rows * columns; i++)
        {
            float value = random.NextSingle() * 2 - 1;
            switch (encoding)
            {
                case WeightEncoding.F32:
                    ((float*)data)[i] = value;
                    break;
                case WeightEncoding.F16:
                    ((Half*)data)[i] = (Half)value;
                    break;
                case WeightEncoding.BF16:
                    ((ushort*)data)[i] = (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);
                    break;
                default:
                    // Every code but the two NaN.
                    data[i] = (byte)(random.Next(0x7F) | random.Next(2) << 7);
                    break;
            }
        }
    }

    public WeightMatrix View { get; }

    /// <summary>The stored elements, to put particular ones there.</summary>
    public Span<byte> Data => new(data, checked((int)View.ByteLength));

    /// <summary>The scales, to put particular ones there.</summary>
    public Span<float> Scales => new(scales, View.ScaleRows * View.ScaleColumns);

    public void Dispose()
    {
        NativeMemory.Free(data);
        NativeMemory.Free(scales);
    }
}
