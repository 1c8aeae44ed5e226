namespace DeepSeekEngine.Benchmarks.Compare;

/// <summary>The formats of GGUF tensors that are written here, by their numbers in the file.</summary>
internal enum GgmlType
{
    F32 = 0,
    Q4_0 = 2,
    Q8_0 = 8,
    BF16 = 30,
}

internal static class GgmlTypes
{
    /// <summary>Elements that are stored together.</summary>
    public static int BlockElements(this GgmlType type) => type is GgmlType.Q4_0 or GgmlType.Q8_0 ? 32 : 1;

    /// <summary>Bytes of a block: a binary16 scale and its elements, or one element.</summary>
    public static int BlockBytes(this GgmlType type) => type switch
    {
        GgmlType.F32 => 4,
        GgmlType.BF16 => 2,
        GgmlType.Q8_0 => 34,
        GgmlType.Q4_0 => 18,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };
}
