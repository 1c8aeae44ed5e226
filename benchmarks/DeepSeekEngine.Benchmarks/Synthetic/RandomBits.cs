using System.Runtime.Intrinsics;

namespace DeepSeekEngine.Benchmarks.Synthetic;

/// <summary>Four xorshift128+ generators side by side: random words at the speed of memory.</summary>
internal static unsafe class RandomBits
{
    private const int SliceBytes = 4 << 20;

    /// <summary>Fills memory with (random &amp; mask) | set, repeating the 64-bit patterns from its start, on every processor.</summary>
    public static void Fill(byte* destination, long bytes, ulong seed, ulong mask = ulong.MaxValue, ulong set = 0)
    {
        var slices = (int)((bytes + SliceBytes - 1) / SliceBytes);
        Parallel.For(0, slices, slice =>
        {
            var start = (long)slice * SliceBytes;
            FillSlice(destination + start, Math.Min(SliceBytes, bytes - start), Mix(seed + (ulong)slice), mask, set);
        });
    }

    private static void FillSlice(byte* destination, long bytes, ulong seed, ulong mask, ulong set)
    {
        var a = Vector256.Create(Mix(seed + 1), Mix(seed + 2), Mix(seed + 3), Mix(seed + 4));
        var b = Vector256.Create(Mix(seed + 5), Mix(seed + 6), Mix(seed + 7), Mix(seed + 8));
        var (masks, sets) = (Vector256.Create(mask), Vector256.Create(set));
        var width = Vector256<byte>.Count;
        for (; bytes > 0; bytes -= width, destination += width)
        {
            var (x, y) = (a, b);
            a = y;
            x ^= x << 23;
            b = x ^ y ^ (x >>> 18) ^ (y >>> 5);
            var word = (((b + y) & masks) | sets).AsByte();
            if (bytes >= width)
            {
                word.Store(destination);
            }
            else
            {
                for (var i = 0; i < bytes; i++)
                {
                    destination[i] = word[i];
                }
            }
        }
    }

    private static ulong Mix(ulong value)
    {
        value = (value + 0x9E3779B97F4A7C15) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
