using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Testing.Fidelity;

namespace DeepSeekEngine.OpenCL.Tests;

public sealed class OpenClRecordedStepTests : RecordedStepTests
{
    [Test]
    public void What_is_compiled_is_kept_for_the_process()
    {
        using (var first = OpenClDevice.CreateBackend())
        {
            first.Prepare(null);
        }

        var compiled = KernelLoader.CompiledKernels;
        Assert.That(compiled, Is.Positive);
        using var second = OpenClDevice.CreateBackend();
        second.Prepare(null);
        Assert.That(KernelLoader.CompiledKernels, Is.EqualTo(compiled));
        using var x = second.Allocate<float>(4);
        x.Upload([1, 2, 3, 4]);
        second.Add(Backends.Activations.Dense(x, 2), new Backends.Activations(x, 2, 2, 2), 1);
        var sum = new float[4];
        x.Download(sum);
        Assert.That(sum, Is.EqualTo((float[])[1, 2, 4, 6]));
    }

    internal override IlgpuBackend CreateBackend() => OpenClDevice.CreateBackend();
}
