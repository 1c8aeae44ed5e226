using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Model;

/// <summary>
/// Hands a model its tensors, after checking that the checkpoint has them in the shape asked for, and counts what they take. Owns what
/// it handed out. What is handed out is real with <see cref="CheckpointLoader"/>, and nothing but counted with <see cref="MemoryMeter"/>.
/// </summary>
internal abstract class WeightLoader(IDeviceMemory memory, IWeightSource source, QuantizationPolicy policy) : IDisposable
{
    private readonly List<IDisposable> _loaded = [];

    /// <summary>Where the model allocates what it needs besides its weights.</summary>
    public IDeviceMemory Memory => memory;

    /// <summary>What loads the routed experts of the layers this loads: itself, unless they stay elsewhere.</summary>
    public WeightLoader Experts
    {
        get => field ?? this;
        set;
    }

    /// <summary>Bytes of matrices that are used where they lie in their files, with their scales.</summary>
    public long MappedBytes { get; private set; }

    /// <summary>Bytes of matrices quantised into memory.</summary>
    public long QuantizedBytes { get; private set; }

    /// <summary>Bytes of vectors, which are float32 in memory.</summary>
    public long VectorBytes { get; private set; }

    protected IWeightSource Source => source;

    public bool Contains(string name) => source.Contains(name);

    /// <summary>A matrix [rows, columns] (out, in) in the encoding the policy says.</summary>
    /// <exception cref="ModelFormatException">It is missing or of another shape or type.</exception>
    public Matrix Matrix(string name, int rows, int columns) => Own(LoadMatrix(name, rows, columns, Count(name, rows, columns)));

    /// <summary>A vector as float32.</summary>
    /// <exception cref="ModelFormatException">It is missing or of another shape or type.</exception>
    public DeviceArray<float> Vector(string name, int length)
    {
        source.CheckVector(name, length);
        VectorBytes += (long)length * sizeof(float);
        return LoadVector(name, Own(memory.Allocate<float>(length)));
    }

    /// <summary>The same projection of every expert: <c>{prefix}{e}.{projection}.weight</c>.</summary>
    /// <exception cref="ModelFormatException">One is missing, of another shape or type, or encoded unlike the first.</exception>
    public ExpertMatrices Projections(string prefix, string projection, int experts, int rows, int columns)
    {
        var names = new string[experts];
        var encoding = default(WeightEncoding);
        for (var e = 0; e < experts; e++)
        {
            names[e] = $"{prefix}{e}.{projection}.weight";
            var own = Count(names[e], rows, columns);
            encoding = e == 0 ? own : encoding;
            if (own != encoding)
            {
                throw new ModelFormatException(
                    source.PathOf(names[e]),
                    $"is stored as {own} while expert 0 of the layer is {encoding}; all experts of a layer must be alike.",
                    names[e]);
            }
        }

        return Own(LoadExperts(names, rows, columns, encoding));
    }

    /// <summary>Ties a resource's lifetime to the weights'.</summary>
    public T Own<T>(T resource)
        where T : IDisposable
    {
        _loaded.Add(resource);
        return resource;
    }

    public void Dispose()
    {
        for (var i = _loaded.Count - 1; i >= 0; i--)
        {
            _loaded[i].Dispose();
        }

        _loaded.Clear();
    }

    /// <param name="encoding">The stored encoding, or the one to quantise to.</param>
    protected abstract Matrix LoadMatrix(string name, int rows, int columns, WeightEncoding encoding);

    protected abstract ExpertMatrices LoadExperts(string[] names, int rows, int columns, WeightEncoding encoding);

    /// <summary>Fills <paramref name="vector"/> and returns it.</summary>
    protected abstract DeviceArray<float> LoadVector(string name, DeviceArray<float> vector);

    private WeightEncoding Count(string name, int rows, int columns)
    {
        var stored = source.EncodingOf(name, rows, columns);
        var encoding = policy.EncodingOf(name, stored);
        if (encoding == stored)
        {
            MappedBytes += source.SizeOf(name);
        }
        else
        {
            QuantizedBytes += PackedLayout.ByteLength(encoding, rows, columns);
        }

        return encoding;
    }
}
