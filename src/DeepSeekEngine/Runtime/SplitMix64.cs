namespace DeepSeekEngine.Runtime;

/// <summary>
/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): the n-th number is a mix of seed + n * gamma.
/// Ours, because <see cref="Random"/> promises no sequence across versions of .NET.
/// </summary>
internal struct SplitMix64(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>A multiple of 2^-53 in [0, 1), each equally likely.</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));
}
