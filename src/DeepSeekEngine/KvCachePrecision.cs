namespace DeepSeekEngine;

/// <summary>What a model's key-value cache is kept as.</summary>
public enum KvCachePrecision
{
    /// <summary>What is fastest without rounding more than is computed with: BFloat16 on a CPU that computes attention in it, else Float32.</summary>
    Auto,

    /// <summary>As it is computed, four bytes a value; then the CPU computes attention in float32, too.</summary>
    Float32,

    /// <summary>Rounded to bfloat16: two bytes a value.</summary>
    BFloat16,

    /// <summary>
    /// Rounded to eight-bit integers: a byte a value, and four bytes of scale for the latent, the rotated key, or each head's key and value.
    /// </summary>
    Int8,
}
