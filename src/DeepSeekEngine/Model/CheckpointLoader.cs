using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Model;

/// <summary>
/// Brings a checkpoint's tensors to a backend, quantised where the policy says so, counting bytes of the checkpoint and listening for
/// cancellation. A source is read once, through the mapping, and let go of before the next, so that quantising needs the memory of the
/// result and hardly more.
/// </summary>
internal sealed unsafe class CheckpointLoader(
    IBackend backend, IWeightSource source, QuantizationPolicy policy, CheckpointReading reading)
    : WeightLoader(backend, source, policy)
{
    protected override Matrix LoadMatrix(string name, int rows, int columns, WeightEncoding encoding)
    {
        var brought = Bring([name], rows, columns, encoding, out var quantized)[0];
        var matrix = backend.LoadMatrix(brought with { ExactActivations = TensorRoles.Of(name) == TensorRole.Router });
        Report(name, quantized[0]);
        return matrix;
    }

    protected override ExpertMatrices LoadExperts(string[] names, int rows, int columns, WeightEncoding encoding)
        => backend.LoadExperts(Bring(names, rows, columns, encoding, out var quantized), e =>
        {
            reading.ThrowIfCancelled();
            Report(names[e], quantized[e]);
        });

    protected override DeviceArray<float> LoadVector(string name, DeviceArray<float> vector)
    {
        reading.ThrowIfCancelled();
        vector.Upload(Source.Vector(name, (int)vector.Length));
        Report(name, isReported: false);
        return vector;
    }

    /// <summary>Matrices of one shape in one encoding: views of the mapping, or of one buffer they are quantised into.</summary>
    /// <param name="quantized">Those that were quantised, which was the work and is reported.</param>
    private WeightMatrix[] Bring(string[] names, int rows, int columns, WeightEncoding encoding, out bool[] quantized)
    {
        quantized = new bool[names.Length];
        var matrices = new WeightMatrix[names.Length];
        byte* packed = null;
        for (var i = 0; i < names.Length; i++)
        {
            reading.ThrowIfCancelled();
            matrices[i] = Source.Matrix(names[i], rows, columns);
            if (matrices[i].Encoding != encoding)
            {
                var source = matrices[i];
                matrices[i] = new WeightMatrix { Encoding = encoding, Rows = rows, Columns = columns, Data = null };
                var byteLength = matrices[i].ByteLength;
                if (packed == null)
                {
                    packed = Own(SimdBackend.AllocateBuffer(checked(names.Length * byteLength))).Pointer;
                }

                matrices[i] = matrices[i] with { Data = packed + (i * byteLength) };
                Quantize(names[i], source, encoding, matrices[i].Data);
                Source.Release(names[i]);
                Report(names[i], isReported: false);
                quantized[i] = true;
            }
        }

        return matrices;
    }

    private void Quantize(string name, WeightMatrix source, WeightEncoding encoding, byte* destination)
    {
        try
        {
            reading.Quantizer.Quantize(source, encoding, 0, PackedLayout.Panels(source.Rows), destination);
        }
        catch (NotFiniteNumberException exception)
        {
            throw new ModelFormatException(Source.PathOf(name), exception.Message, name, exception);
        }
    }

    private void Report(string name, bool isReported)
    {
        if (!isReported)
        {
            reading.Loaded(Source.SizeOf(name));
        }
    }
}
