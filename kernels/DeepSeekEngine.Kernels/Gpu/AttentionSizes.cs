namespace DeepSeekEngine.Kernels.Gpu;

/// <summary><see cref="AttentionShape"/> as kernels receive it.</summary>
internal struct AttentionSizes
{
    public required int Heads;
    public required int KeyValueHeads;
    public required int Group;
    public required int Key;
    public required int SharedKey;
    public required int Value;
    public required int ValueOffset;
    public required int RowHead;
    public required float Scale;

    public static AttentionSizes From(in AttentionShape shape) => new()
    {
        Heads = shape.Heads,
        KeyValueHeads = shape.KeyValueHeads,
        Group = shape.Group,
        Key = shape.Key,
        SharedKey = shape.SharedKey,
        Value = shape.Value,
        ValueOffset = shape.ValueOffset,
        RowHead = shape.RowHead,
        Scale = shape.Scale,
    };
}
