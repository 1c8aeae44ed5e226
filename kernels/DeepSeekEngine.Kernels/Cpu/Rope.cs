using System.Runtime.Intrinsics;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>Rotary position embedding: a pair (a, b) becomes (a cos - b sin, a sin + b cos).</summary>
internal static unsafe class Rope
{
    /// <summary>Rotates neighbours, pairs (2i, 2i + 1).</summary>
    /// <param name="angles">cos, sin of each pair; [width].</param>
    /// <param name="y">May be x.</param>
    public static void Rotate(float* x, float* angles, float* y, int width)
    {
        var sign = Vector128.Create(-1f, 1f, -1f, 1f);
        int k = 0;
        for (; k + 4 <= width; k += 4)
        {
            var pairs = Vector128.Load(x + k);
            var angle = Vector128.Load(angles + k);
            var cos = Vector128.Shuffle(angle, Vector128.Create(0, 0, 2, 2));
            var sin = Vector128.Shuffle(angle, Vector128.Create(1, 1, 3, 3));
            var swapped = Vector128.Shuffle(pairs, Vector128.Create(1, 0, 3, 2));
            (pairs * cos + swapped * sin * sign).Store(y + k);
        }

        if (k < width)
        {
            float a = x[k], b = x[k + 1], cos = angles[k], sin = angles[k + 1];
            y[k] = a * cos - b * sin;
            y[k + 1] = b * cos + a * sin;
        }
    }

    /// <summary>Rotates halves, pairs (i, i + width / 2).</summary>
    /// <param name="angles">The cosines of all pairs, then the sines; [width].</param>
    /// <param name="y">May be x.</param>
    public static void RotateHalves(float* x, float* angles, float* y, int width)
    {
        int half = width / 2;
        int i = 0;
        for (; i + Vector256<float>.Count <= half; i += Vector256<float>.Count)
        {
            Vector256<float> a = Vector256.Load(x + i), b = Vector256.Load(x + half + i);
            Vector256<float> cos = Vector256.Load(angles + i), sin = Vector256.Load(angles + half + i);
            (a * cos - b * sin).Store(y + i);
            (b * cos + a * sin).Store(y + half + i);
        }

        for (; i < half; i++)
        {
            float a = x[i], b = x[half + i], cos = angles[i], sin = angles[half + i];
            y[i] = a * cos - b * sin;
            y[half + i] = b * cos + a * sin;
        }
    }
}
