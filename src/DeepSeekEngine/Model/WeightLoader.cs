using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Model;

/// <summary>Brings a model's tensors to a backend, counting bytes and listening for cancellation. Owns what it loaded.</summary>
internal sealed class WeightLoader(
    IBackend backend, IWeightSource source, Action<long>? loadedBytes = null, CancellationToken cancellationToken = default) : IDisposable
{
    private readonly List<IDisposable> _loaded = [];
    private long _bytes;

    public IBackend Backend => backend;

    public bool Contains(string name) => source.Contains(name);

    /// <summary>A matrix [rows, columns] (out, in) in its stored encoding.</summary>
    /// <exception cref="ModelFormatException">It is missing or of another shape or type.</exception>
    public Matrix Matrix(string name, int rows, int columns)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var matrix = source.Matrix(name, rows, columns);
        var loaded = Own(backend.LoadMatrix(matrix));
        Report(matrix.ByteLength);
        return loaded;
    }

    /// <summary>A vector as float32.</summary>
    /// <exception cref="ModelFormatException">It is missing or of another shape or type.</exception>
    public DeviceArray<float> Vector(string name, int length)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var loaded = Own(backend.Allocate<float>(length));
        loaded.Upload(source.Vector(name, length));
        Report(length * sizeof(float));
        return loaded;
    }

    /// <summary>The same projection of every expert: <c>{prefix}{e}.{projection}.weight</c>.</summary>
    /// <exception cref="ModelFormatException">One is missing, of another shape or type, or encoded unlike the first.</exception>
    public ExpertMatrices Experts(string prefix, string projection, int experts, int rows, int columns)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var matrices = new WeightMatrix[experts];
        long bytes = 0;
        for (var e = 0; e < experts; e++)
        {
            var name = $"{prefix}{e}.{projection}.weight";
            matrices[e] = source.Matrix(name, rows, columns);
            bytes += matrices[e].ByteLength;
            if (matrices[e].Encoding != matrices[0].Encoding)
            {
                throw new ModelFormatException(
                    source.PathOf(name),
                    $"is stored as {matrices[e].Encoding} while expert 0 of the layer is {matrices[0].Encoding}; "
                    + "all experts of a layer must be alike.",
                    name);
            }
        }

        var loaded = Own(backend.LoadExperts(matrices));
        Report(bytes);
        return loaded;
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

    private void Report(long bytes) => loadedBytes?.Invoke(_bytes += bytes);
}
