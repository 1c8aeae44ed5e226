using System.Runtime.InteropServices;
using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Ilgpu;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>
/// Graphs of a driver that is none: it runs what it was asked to capture again when a graph is launched, and fails where it is told to.
/// </summary>
[NonParallelizable]
public sealed unsafe class CudaGraphsTests
{
    private const int Stream = 77;
    private const int NotSupported = 801;

    private static readonly List<string> Calls = [];
    private static string? failing;

    private Context context = null!;
    private Accelerator accelerator = null!;
    private KernelLoader loader = null!;
    private int issued;

    [SetUp]
    public void Create()
    {
        Calls.Clear();
        failing = null;
        issued = 0;
        context = Context.Create(builder => builder.CPU());
        accelerator = context.CreateCPUAccelerator(0);
        loader = new KernelLoader(accelerator, driverThreads: 0);
    }

    [TearDown]
    public void Dispose()
    {
        loader.Dispose();
        accelerator.Dispose();
        context.Dispose();
    }

    [Test]
    public void A_step_is_run_then_captured_then_replayed()
    {
        using (var records = new StepRecords(new CudaGraphs(Fake(), Stream), loader))
        {
            Repeat(records, 5);
            Assert.That(issued, Is.EqualTo(2), "once to load kernels, once to be captured");
            Assert.That(records.Replays, Is.EqualTo(3));
            Assert.That(Calls, Is.EqualTo((string[])["begin", "end", "instantiate", "destroy graph", "launch", "launch", "launch", "launch"]));
        }

        Assert.That(Calls[^1], Is.EqualTo("destroy executable"));
    }

    [Test]
    public void Steps_with_another_key_have_graphs_of_their_own()
    {
        using var records = new StepRecords(new CudaGraphs(Fake(), Stream), loader);
        Repeat(records, 3, context: 256);
        Repeat(records, 3, context: 512);
        Assert.That(issued, Is.EqualTo(4));
        Assert.That(Calls.Count(call => call == "instantiate"), Is.EqualTo(2));
    }

    /// <param name="expected">What is issued in vain while capturing counts as well.</param>
    [TestCase("begin", 3)]
    [TestCase("end", 4)]
    [TestCase("instantiate", 4)]
    [TestCase("launch", 5)]
    public void Where_the_driver_fails_steps_are_issued_as_they_are(string call, int expected)
    {
        failing = call;
        using var records = new StepRecords(new CudaGraphs(Fake(), Stream), loader);
        Repeat(records, 4);
        Assert.That(issued, Is.EqualTo(expected));
        Calls.Clear();
        Repeat(records, 4);
        Assert.That(Calls, Is.Empty, "a driver that failed is not asked again");
    }

    [Test]
    public void A_graph_the_driver_will_not_run_any_more_is_given_up()
    {
        using var records = new StepRecords(new CudaGraphs(Fake(), Stream), loader);
        Repeat(records, 3);
        failing = "launch";
        var before = issued;
        Repeat(records, 1);
        Assert.That(issued, Is.EqualTo(before + 1));
        Calls.Clear();
        Repeat(records, 3);
        Assert.That(Calls, Is.Empty);
    }

    [Test]
    public void An_exception_ends_the_capture()
    {
        using var records = new StepRecords(new CudaGraphs(Fake(), Stream), loader);
        var key = new StepKey(this, 1, 1, 256, 0);
        records.Repeat(key, () => { });
        Assert.That(() => records.Repeat(key, () => throw new ArgumentException("wrong")), Throws.ArgumentException);
        Assert.That(Calls, Does.Contain("end"));
    }

    [TestCase(1, 1024, 256)]
    [TestCase(256, 1024, 256)]
    [TestCase(257, 1024, 512)]
    [TestCase(257, 300, 300)]
    [TestCase(8000, 32768, 8192)]
    [TestCase(8193, 32768, 9216)]
    [TestCase(int.MaxValue, int.MaxValue, int.MaxValue)]
    public void Contexts_share_bounds(int maxContext, int contextLength, int bound)
        => Assert.That(StepKey.Bound(maxContext, contextLength), Is.EqualTo(bound));

    private static CudaGraphs.Driver Fake() => new()
    {
        BeginCapture = &Begin,
        EndCapture = &End,
        Instantiate = &Instantiate,
        Launch = &Launch,
        DestroyGraph = &DestroyGraph,
        DestroyExecutable = &DestroyExecutable,
    };

    private static int Call(string name)
    {
        Calls.Add(name);
        return name == failing ? NotSupported : 0;
    }

    [UnmanagedCallersOnly]
    private static int Begin(nint stream, int mode) => stream == Stream && mode == 1 ? Call("begin") : -1;

    [UnmanagedCallersOnly]
    private static int End(nint stream, nint* graph)
    {
        *graph = failing == "end" ? 0 : 5;
        return stream == Stream ? Call("end") : -1;
    }

    [UnmanagedCallersOnly]
    private static int Instantiate(nint* executable, nint graph, ulong flags)
    {
        *executable = failing == "instantiate" ? 0 : 6;
        return graph == 5 && flags == 0 ? Call("instantiate") : -1;
    }

    [UnmanagedCallersOnly]
    private static int Launch(nint executable, nint stream) => executable == 6 && stream == Stream ? Call("launch") : -1;

    [UnmanagedCallersOnly]
    private static int DestroyGraph(nint graph) => graph == 5 ? Call("destroy graph") : -1;

    [UnmanagedCallersOnly]
    private static int DestroyExecutable(nint executable) => executable == 6 ? Call("destroy executable") : -1;

    private void Repeat(StepRecords records, int times, int context = 256)
    {
        for (var i = 0; i < times; i++)
        {
            records.Repeat(new StepKey(this, 1, 1, context, 0), () => issued++);
        }
    }
}
