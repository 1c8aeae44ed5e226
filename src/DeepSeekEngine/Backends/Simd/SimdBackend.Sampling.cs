using System.Numerics.Tensors;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;

namespace DeepSeekEngine.Backends.Simd;

/// <content>The choice of tokens.</content>
internal sealed unsafe partial class SimdBackend
{
    public bool TryListTop(Activations x, DeviceArray<float> inverseTemperatures, DeviceArray<TopLogit> lists, int count) => false;

    public void ArgMax(Activations x, DeviceArray<int> columns, int count)
    {
        if (!Any(count))
        {
            return;
        }

        Rows rows = SimdArguments.View(x, x.Width, count);
        int* results = SimdArguments.Elements(columns, count);
        for (int row = 0; row < count; row++)
        {
            ReadOnlySpan<float> values = new(rows[row], x.Width);
            int best = TensorPrimitives.IndexOfMax(values);
            results[row] = float.IsNaN(values[best]) ? ~best : float.IsNegativeInfinity(values[best]) ? int.MinValue : best;
        }
    }
}
