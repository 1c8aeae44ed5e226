namespace DeepSeekEngine.Kernels.Gpu;

/// <summary><see cref="MlaShape"/> as kernels receive it.</summary>
internal struct MlaSizes
{
    public required int Heads;
    public required int Nope;
    public required int Rope;
    public required int Value;
    public required int Latent;
    public required float Scale;

    public static MlaSizes From(in MlaShape shape) => new()
    {
        Heads = shape.Heads,
        Nope = shape.Nope,
        Rope = shape.Rope,
        Value = shape.Value,
        Latent = shape.Latent,
        Scale = shape.Scale,
    };
}
