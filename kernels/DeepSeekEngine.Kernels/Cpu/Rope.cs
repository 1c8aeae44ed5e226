using System.Runtime.Intrinsics;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>Rotary position embedding of interleaved pairs: (a, b) becomes (a cos - b sin, a sin + b cos).</summary>
internal static unsafe class Rope
{
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
}
