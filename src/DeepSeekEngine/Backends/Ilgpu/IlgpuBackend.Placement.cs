using DeepSeekEngine.Kernels.Gpu;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <content>What a model divided among places needs.</content>
internal sealed partial class IlgpuBackend
{
    private readonly LoadedKernel<Add.Parameters> add;

    public void Add(Activations x, Activations y, int count)
    {
        if (!Any(count))
        {
            return;
        }

        add.LaunchElements(x.Width, count, 1, new()
        {
            X = Rows(x, count, x.Width),
            Y = Rows(y, count, x.Width),
            Width = x.Width,
        });
    }
}
