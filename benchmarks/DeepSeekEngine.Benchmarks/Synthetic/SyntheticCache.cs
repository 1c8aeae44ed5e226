using System.Runtime.InteropServices;
using DeepSeekEngine.Backends;

namespace DeepSeekEngine.Benchmarks.Synthetic;

/// <summary>Random latents.</summary>
internal static class SyntheticCache
{
    /// <summary>
    /// Fills rows of any precision: read as float32 or bfloat16, values are of both signs and of magnitudes from 1/2 to 2, as normalised latents
    /// are, and read as int8 they are scales of such magnitudes and bytes.
    /// </summary>
    public static unsafe void Fill(DeviceArray<float> rows, int seed)
    {
        var values = new float[rows.Length];
        fixed (float* pointer = values)
        {
            RandomBits.Fill((byte*)pointer, MemoryMarshal.AsBytes(values.AsSpan()).Length, (ulong)seed, 0x80FF80FF_80FF80FF, 0x3F003F00_3F003F00);
        }

        rows.Upload(values);
    }
}
