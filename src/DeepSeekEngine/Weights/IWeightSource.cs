using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Weights;

/// <summary>A model's tensors by the names published checkpoints give them.</summary>
internal interface IWeightSource
{
    bool Contains(string name);

    /// <summary>The file a tensor is in.</summary>
    string PathOf(string name);

    /// <summary>The matrix [rows, columns] of that name, with its scales where it is FP8. A view into what the source owns.</summary>
    /// <exception cref="ModelFormatException">The tensor is missing, or its shape, type or scales are not as config.json says.</exception>
    WeightMatrix Matrix(string name, int rows, int columns);

    /// <summary>The vector [length] of that name, converted to float32.</summary>
    /// <exception cref="ModelFormatException">There is no such tensor, or its shape or type is not what config.json says.</exception>
    float[] Vector(string name, int length);
}
