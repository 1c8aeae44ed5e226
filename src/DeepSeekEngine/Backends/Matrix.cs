using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Backends;

/// <summary>A weight matrix [Rows, Columns] (out, in) where a backend's kernels can read it.</summary>
internal abstract class Matrix(WeightEncoding encoding, int rows, int columns) : IDisposable
{
    public WeightEncoding Encoding { get; } = encoding;

    public int Rows { get; } = rows;

    public int Columns { get; } = columns;

    public abstract void Dispose();
}

/// <summary>The same projection of every routed expert of a layer: Experts matrices of one shape and encoding.</summary>
internal abstract class ExpertMatrices(WeightEncoding encoding, int experts, int rows, int columns) : IDisposable
{
    public WeightEncoding Encoding { get; } = encoding;

    public int Experts { get; } = experts;

    public int Rows { get; } = rows;

    public int Columns { get; } = columns;

    public abstract void Dispose();
}
