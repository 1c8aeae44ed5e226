namespace DeepSeekEngine.Backends;

/// <summary>A view of float32 activations: row i is the <see cref="Width"/> values from Offset + i * Stride.</summary>
internal readonly record struct Activations(DeviceArray<float> Array, long Offset, int Stride, int Width)
{
    /// <summary>The whole array as dense rows of the given width.</summary>
    public static Activations Dense(DeviceArray<float> array, int width) => new(array, 0, width, width);

    /// <summary>The rows from <paramref name="first"/> on.</summary>
    public Activations From(int first) => this with { Offset = Offset + (long)first * Stride };

    /// <summary>The same rows, but only <paramref name="width"/> columns from <paramref name="start"/>.</summary>
    public Activations Columns(int start, int width) => this with { Offset = Offset + start, Width = width };
}
