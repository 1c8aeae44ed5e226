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

    private MemoryMeter(Checkpoint checkpoint, QuantizationPolicy policy, CachePrecision cache)
        : base(new CountedMemory(cache), checkpoint, policy)
    {
    }

    /// <summary>
    /// What a model takes on each device, and on the host if that computes the routed experts, once it is loaded and has computed its
    /// largest step.
    /// </summary>
    /// <param name="onProcessor">Whether the only device is the processor.</param>
    /// <param name="cache">What the devices keep the key-value cache as.</param>
    /// <param name="threads">Threads that compute on the processor, each of which has memory of its own.</param>
    /// <exception cref="ModelFormatException">The checkpoint is not what config.json says.</exception>
    public static PlacedMemory Measure(
        Checkpoint checkpoint, QuantizationPolicy policy, ModelConfig config, StepLimits limits, Placement placement,
        bool onProcessor, CachePrecision cache, int threads)
    {
        var devices = new MemoryMeter[placement.Devices];
        for (var i = 0; i < devices.Length; i++)
        {
            devices[i] = new MemoryMeter(checkpoint, policy, cache);
        }

        var host = placement.ExpertsOnHost ? new MemoryMeter(checkpoint, policy, cache) : null;
        var layout = new CacheLayout(cache, config.Attention.Cached);
        using var weights = new PlacedWeights(placement, devices, host);
        _ = new TransformerParts(weights, config, limits);
        return new PlacedMemory(
            [.. devices.Select((meter, device) => meter.Estimate(KeyValueCache.ByteLength(
                layout.Length, placement.LayersOf(device, config.Layers + config.MtpLayers).GetOffsetAndLength(int.MaxValue).Length,
                limits.CacheTokens), onProcessor ? Scratch(meter) : 0))],
            host?.Estimate(cache: 0, Scratch(host)));

        long Scratch(MemoryMeter meter) => SimdBackend.ScratchBytes(
            layout, config.Attention.Expanded, config.Router, limits.Tokens, Workspace.CachedRows, limits.ContextLength,
            threads, meter._packedColumns, meter._packedExpertColumns);
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

    /// <param name="scratch">What a backend takes besides what it is asked for.</param>
    private MemoryEstimate Estimate(long cache, long scratch) => new()
    {
        Weights = MappedBytes + QuantizedBytes + VectorBytes,
        MappedWeights = MappedBytes,
        Cache = cache,
        Workspaces = ((CountedMemory)Memory).Bytes - VectorBytes - cache + scratch,
    };

    private sealed unsafe class CountedMemory(CachePrecision cache) : IDeviceMemory
    {
        public long Bytes { get; private set; }

        public CachePrecision CachePrecision => cache;

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

        public override void CopyTo(DeviceArray<T> destination, int count) => throw new NotSupportedException();

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
