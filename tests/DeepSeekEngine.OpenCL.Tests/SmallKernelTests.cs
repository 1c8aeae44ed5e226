using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Gpu;

namespace DeepSeekEngine.OpenCL.Tests;

/// <summary>
/// ILGPU's translation of every kernel to OpenCL C against the same kernel run as .NET code by ILGPU's CPU accelerator. What the kernels
/// compute is proved elsewhere, against their scalar twins; this is about what became of them, and small enough to run under oclgrind.
/// </summary>
[TestFixture]
[Category("SmallKernels")]
internal sealed class SmallKernelTests
{
    private IlgpuBackend openCl = null!;
    private IlgpuBackend reference = null!;

    private static IEnumerable<TestCaseData> Cases =>
        from kernel in KernelCatalog.Gpu.All
        let encoding = Encoding(kernel.GetGenericArguments()[0])
        group kernel by (kernel.DeclaringType!.Name, encoding) into operation
        select new TestCaseData(operation.Key.Name, operation.Key.encoding ?? WeightEncoding.F32)
            .SetArgDisplayNames(operation.Key.Name, operation.Key.encoding?.ToString() ?? "-");

    [OneTimeSetUp]
    public void CreateBackends()
    {
        openCl = OpenClDevice.CreateBackend();
        reference = IlgpuBackend.CreateOnCpuAccelerator();
    }

    [OneTimeTearDown]
    public void DisposeBackends()
    {
        openCl?.Dispose();
        reference?.Dispose();
    }

    [Test]
    public void The_device_is_oclgrind_where_oclgrind_is_asked_for()
    {
        if (Environment.GetEnvironmentVariable("OCLGRIND_DATA_RACES") is not null)
        {
            Assert.That(openCl.DeviceName, Does.StartWith("Oclgrind"));
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void OpenCL_computes_what_the_kernel_says(string operation, WeightEncoding encoding)
    {
        SmallKernels interpreted = new(reference, precision => IlgpuBackend.CreateOnCpuAccelerator(cache: precision));
        SmallKernels translated = new(openCl, precision => OpenClDevice.CreateBackend(precision));
        float[] expected = SmallKernels.Operations[operation](interpreted, encoding);
        float[] actual = SmallKernels.Operations[operation](translated, encoding);
        Assert.That(expected, Has.Some.Not.Zero);
        Assert.That(actual, Is.EqualTo(expected).Within(1e-5));
    }

    private static WeightEncoding? Encoding(Type format) => Enum.TryParse(format.Name, out WeightEncoding encoding) ? encoding : null;
}
