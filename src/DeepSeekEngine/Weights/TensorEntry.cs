namespace DeepSeekEngine.Weights;

/// <summary>One tensor of a safetensors header, checked: its bytes lie in the file and are as many as its shape and type need.</summary>
/// <param name="DType">The type's name in the file, one of <see cref="BitsOf"/>'s.</param>
/// <param name="Shape">Outermost dimension first; empty for a scalar.</param>
/// <param name="Begin">Offset of the first byte in the file.</param>
/// <param name="ByteLength">Bytes of data; 0 where a dimension is 0.</param>
internal sealed record TensorEntry(string DType, long[] Shape, long Begin, long ByteLength)
{
    /// <summary>The shape as messages show it.</summary>
    public string ShapeText => $"[{string.Join(", ", Shape)}]";

    public bool HasShape(params ReadOnlySpan<long> shape) => shape.SequenceEqual(Shape);

    /// <summary>Bits an element of a safetensors type takes; 0 for a name that is no type.</summary>
    public static int BitsOf(string dtype) => dtype switch
    {
        "F4" => 4,
        "F6_E2M3" or "F6_E3M2" => 6,
        "BOOL" or "U8" or "I8" or "F8_E4M3" or "F8_E5M2" or "F8_E8M0" => 8,
        "U16" or "I16" or "F16" or "BF16" => 16,
        "U32" or "I32" or "F32" => 32,
        "U64" or "I64" or "F64" or "C64" => 64,
        _ => 0,
    };
}
