using System.Reflection;
using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Kernels.Gpu;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>How kernels are brought to an accelerator while a model is loaded.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class KernelLoaderTests
{
    private static readonly MethodInfo[] Methods =
    [
        KernelCatalog.CpuAccelerator.Get<Add.Parameters>(), KernelCatalog.CpuAccelerator.Get<SwiGlu.Parameters>(),
        KernelCatalog.CpuAccelerator.Get<GatherRows.Parameters>(), KernelCatalog.CpuAccelerator.Get<RmsNorm.Parameters>(),
    ];

    private Context context = null!;
    private Accelerator accelerator = null!;

    [SetUp]
    public void CreateAccelerator()
    {
        context = Context.Create(builder => builder.ForKernels());
        accelerator = new CPUDevice(4, 1, 1).CreateCPUAccelerator(context);
    }

    [TearDown]
    public void DisposeAccelerator()
    {
        accelerator.Dispose();
        context.Dispose();
    }

    [Test]
    public void Progress_counts_the_kernels_that_are_wanted_on_the_callers_thread([Values(0, 2)] int driverThreads)
    {
        using KernelLoader loader = new(accelerator, driverThreads);
        FakeKernel[] kernels = Register(loader);
        List<(int Done, int Total)> progress = [];
        int thread = Environment.CurrentManagedThreadId;
        loader.Prepare(method => method != Methods[1], (done, total) =>
        {
            progress.Add((done, total));
            Assert.That(Environment.CurrentManagedThreadId, Is.EqualTo(thread));
            Assert.That(kernels.Count(kernel => kernel.IsLoaded), Is.AtLeast(done));
        });
        Assert.That(progress, Is.EqualTo(new[] { (0, 3), (1, 3), (2, 3), (3, 3) }));
        Assert.That(kernels.Select(kernel => kernel.IsLoaded), Is.EqualTo([true, false, true, true]));

        // What was left out is loaded when it is needed, and what was loaded is not loaded again.
        progress.Clear();
        loader.Load(kernels[1]);
        loader.Prepare(_ => true, (done, total) => progress.Add((done, total)));
        Assert.That(progress, Is.EqualTo(new[] { (0, 0) }));
        Assert.That(kernels.Select(kernel => kernel.Attached), Is.All.EqualTo(1));
    }

    [Test]
    public void The_drivers_part_is_done_by_several_threads()
    {
        using KernelLoader loader = new(accelerator, driverThreads: 4);
        using Barrier together = new(4);
        FakeKernel[] kernels = Register(loader, () => Assert.That(together.SignalAndWait(TimeSpan.FromSeconds(20)), Is.True));
        loader.Prepare(_ => true, null);
        Assert.That(kernels.Select(kernel => kernel.Thread).Distinct().Count(), Is.EqualTo(4));
    }

    [Test]
    public void Where_it_must_not_be_the_drivers_part_is_done_by_one()
    {
        using KernelLoader loader = new(accelerator, driverThreads: 0);
        int inside = 0;
        FakeKernel[] kernels = Register(loader, () =>
        {
            Assert.That(Interlocked.Increment(ref inside), Is.EqualTo(1));
            Thread.Sleep(20);
            Interlocked.Decrement(ref inside);
        });
        loader.Prepare(_ => true, null);
        loader.Load(new FakeKernel(Methods[0], () => { }));
        Assert.That(kernels.Select(kernel => kernel.Thread).Distinct().Count(), Is.EqualTo(1));
    }

    [Test]
    public void A_kernel_the_driver_refuses_is_reported_once_the_others_are_loaded([Values(0, 2)] int driverThreads)
    {
        using KernelLoader loader = new(accelerator, driverThreads);
        int calls = 0;
        FakeKernel[] kernels = Register(loader, () =>
        {
            if (Interlocked.Increment(ref calls) == 2)
            {
                throw new InvalidOperationException("refused");
            }
        });
        Assert.That(() => loader.Prepare(_ => true, null), Throws.InvalidOperationException.With.Message.EqualTo("refused"));
        Assert.That(kernels.Count(kernel => kernel.IsLoaded), Is.EqualTo(3));
        loader.Prepare(_ => true, null);
        Assert.That(kernels.Count(kernel => kernel.IsLoaded), Is.EqualTo(4));
    }

    [Test]
    public void Who_is_told_may_stop_it([Values(0, 2)] int driverThreads)
    {
        using KernelLoader loader = new(accelerator, driverThreads);
        FakeKernel[] kernels = Register(loader);
        Assert.That(
            () => loader.Prepare(_ => true, (done, _) => throw new OperationCanceledException()), Throws.TypeOf<OperationCanceledException>());
        loader.Prepare(_ => true, null);
        Assert.That(kernels.Select(kernel => kernel.IsLoaded), Is.All.True);
    }

    private static FakeKernel[] Register(KernelLoader loader, Action? attaching = null)
    {
        FakeKernel[] kernels = [.. Methods.Select(method => new FakeKernel(method, attaching ?? (() => { })))];
        Array.ForEach(kernels, loader.Register);
        return kernels;
    }

    /// <summary>A kernel that is compiled, and notes when and where.</summary>
    private sealed class FakeKernel(MethodInfo method, Action attaching) : LoadedKernel(method)
    {
        private volatile bool isLoaded;

        public int Attached { get; private set; }

        public int Thread { get; private set; }

        public override bool IsLoaded => isLoaded;

        public override void Attach(Kernel kernel)
        {
            attaching();
            Attached++;
            Thread = Environment.CurrentManagedThreadId;
            isLoaded = true;
        }
    }
}
