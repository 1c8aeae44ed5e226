using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Weights;

/// <summary>A model's tensors by the names published checkpoints give them.</summary>
internal interface IWeightSource
{
    bool Contains(string name);

    /// <summary>The file a tensor is in.</summary>
    string PathOf(string name);

    /// <summary>Bytes the tensor takes in its file, with its scales where it has some.</summary>
    long SizeOf(string name);

    /// <summary>How the matrix [rows, columns] of that name is stored. Reads headers only.</summary>
    /// <exception cref="ModelFormatException">The tensor is missing, or its shape, type or scales are not as config.json says.</exception>
    WeightEncoding EncodingOf(string name, int rows, int columns);

    /// <summary>The matrix [rows, columns] of that name, with its scales where it is FP8. A view into what the source owns.</summary>
    /// <exception cref="ModelFormatException">The tensor is missing, or its shape, type or scales are not as config.json says.</exception>
    WeightMatrix Matrix(string name, int rows, int columns);

    /// <summary>The vector [length] of that name, converted to float32.</summary>
    /// <exception cref="ModelFormatException">There is no such tensor, or its shape or type is not what config.json says.</exception>
    float[] Vector(string name, int length);

    /// <summary>That there is a vector [length] of that name. Reads headers only.</summary>
    /// <exception cref="ModelFormatException">There is no such tensor, or its shape or type is not what config.json says.</exception>
    void CheckVector(string name, int length);

    /// <summary>Says that the tensor is not read again soon, so that it need not stay in memory.</summary>
    void Release(string name);
}
