using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Ilgpu;

namespace DeepSeekEngine.OpenCL.Tests;

[TestFixture]
internal sealed class LaunchTests
{
    [Test]
    public void Launching_a_kernel_allocates_no_managed_memory()
    {
        using IlgpuBackend backend = OpenClDevice.CreateBackend();
        using DeviceArray<float> x = backend.Allocate<float>(16);
        using DeviceArray<float> weight = backend.Allocate<float>(16);
        Activations rows = Activations.Dense(x, 16);
        backend.RmsNorm(rows, weight, 1e-6f, rows, 1);
        backend.RmsNorm(rows, weight, 1e-6f, rows, 1);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            backend.RmsNorm(rows, weight, 1e-6f, rows, 1);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }
}
