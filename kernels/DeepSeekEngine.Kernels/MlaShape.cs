namespace DeepSeekEngine.Kernels;

/// <summary>The sizes of multi-head latent attention.</summary>
internal readonly record struct MlaShape
{
    /// <summary>H, attention heads.</summary>
    public required int Heads { get; init; }

    /// <summary>n, the part of a head's query and key without position.</summary>
    public required int Nope { get; init; }

    /// <summary>r, the rotated part of a head's query, and the width of the one rotated key all heads share.</summary>
    public required int Rope { get; init; }

    /// <summary>v, a head's value width.</summary>
    public required int Value { get; init; }

    /// <summary>c, the width of the compressed key-value latent.</summary>
    public required int Latent { get; init; }

    /// <summary>The softmax scale, YaRN's mscale squared included.</summary>
    public required float Scale { get; init; }

    /// <summary>n + r.</summary>
    public int QueryHead => Nope + Rope;

    /// <summary>n + v: rows of kv_b_proj a head, first its keys' then its values'.</summary>
    public int KeyValueHead => Nope + Value;

    /// <summary>c + r: what the cache holds a token and layer.</summary>
    public int CacheRow => Latent + Rope;

    /// <summary>Attention in the latent space: queries are c + r wide, a cache row is the one key, its latents are the value.</summary>
    public AttentionShape Absorbed => new()
    {
        Heads = Heads,
        KeyValueHeads = 1,
        Key = CacheRow,
        Value = Latent,
        ValueOffset = 0,
        Scale = Scale,
    };

    /// <summary>Attention to keys and values formed from latents; the rotated piece of the keys stays where the latents are.</summary>
    public AttentionShape Expanded => new()
    {
        Heads = Heads,
        KeyValueHeads = Heads,
        Key = Nope,
        SharedKey = Rope,
        Value = Value,
        ValueOffset = Nope,
        Scale = Scale,
    };
}
