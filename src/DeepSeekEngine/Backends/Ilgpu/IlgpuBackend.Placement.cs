using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Gpu;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <content>What a model divided among places needs.</content>
internal sealed partial class IlgpuBackend
{
    private readonly HashSet<WeightEncoding> encodingsInUse = [];
    private readonly StepRecords records;
    private readonly LoadedKernel<Add.Parameters> add;

    public void Prepare(Action<int, int>? progress)
        => loader.Prepare(method => KernelCatalog.EncodingOf(method) is not { } encoding || encodingsInUse.Contains(encoding), progress);

    public void Repeat(in StepKey key, Action operations)
    {
        accelerator.Bind();
        records.Repeat(key, operations);
    }

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
