using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Cache;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Model;

/// <summary>
/// Stands in for a loader to learn, from the headers alone, what a model would take: the same constructors run, so the answer is that
/// of loading it. Nothing is allocated and no weight is read.
/// </summary>
internal sealed class MemoryMeter : WeightLoader
{
    private int _packedColumns;
    private int _packedExpertColumns;

    private MemoryMeter(Checkpoint checkpoint, QuantizationPolicy policy)
        : base(new CountedMemory(), checkpoint, policy)
    {
    }

    /// <summary>What a model takes in memory once it is loaded and has computed its largest step.</summary>
    /// <param name="threads">Threads that compute on the processor, each of which has memory of its own.</param>
    /// <exception cref="ModelFormatException">The checkpoint is not what config.json says.</exception>
    public static MemoryEstimate Measure(Checkpoint checkpoint, QuantizationPolicy policy, ModelConfig config, in StepLimits limits, int threads)
    {
        using var meter = new MemoryMeter(checkpoint, policy);
        var counted = (CountedMemory)meter.Memory;
        _ = new TransformerParts(meter, config, limits);
        var cache = LatentCache.ByteLength(config.Attention, config.Layers + config.MtpLayers, limits.CacheTokens);
        var scratch = SimdBackend.ScratchBytes(
            config.Attention, config.Router, limits.Tokens, Workspace.AbsorbedRows, limits.ContextLength, threads, meter._packedColumns,
            meter._packedExpertColumns);
        return new MemoryEstimate
        {
            Weights = meter.MappedBytes + meter.QuantizedBytes + meter.VectorBytes,
            MappedWeights = meter.MappedBytes,
            Cache = cache,
            Workspaces = counted.Bytes - meter.VectorBytes - cache + scratch,
        };
    }

    protected override Matrix LoadMatrix(string name, int rows, int columns, WeightEncoding encoding)
    {
        _packedColumns = encoding.IsPacked() ? Math.Max(_packedColumns, columns) : _packedColumns;
        return new AbsentMatrix(encoding, rows, columns);
    }

    protected override ExpertMatrices LoadExperts(string[] names, int rows, int columns, WeightEncoding encoding)
    {
        _packedExpertColumns = encoding.IsPacked() ? Math.Max(_packedExpertColumns, columns) : _packedExpertColumns;
        return new AbsentExperts(encoding, names.Length, rows, columns);
    }

    protected override DeviceArray<float> LoadVector(string name, DeviceArray<float> vector) => vector;

    private sealed unsafe class CountedMemory : IDeviceMemory
    {
        public long Bytes { get; private set; }

        public DeviceArray<T> Allocate<T>(long length)
            where T : unmanaged
        {
            Bytes = checked(Bytes + (length * sizeof(T)));
            return new AbsentArray<T>(length);
        }
    }

    private sealed class AbsentArray<T>(long length) : DeviceArray<T>(length)
        where T : unmanaged
    {
        public override void Upload(ReadOnlySpan<T> source, long offset = 0) => throw new NotSupportedException();

        public override void Download(Span<T> destination, long offset = 0) => throw new NotSupportedException();

        public override void Dispose()
        {
        }
    }

    private sealed class AbsentMatrix(WeightEncoding encoding, int rows, int columns) : Matrix(encoding, rows, columns)
    {
        public override void Dispose()
        {
        }
    }

    private sealed class AbsentExperts(WeightEncoding encoding, int experts, int rows, int columns)
        : ExpertMatrices(encoding, experts, rows, columns)
    {
        public override void Dispose()
        {
        }
    }
}
