using System.Reflection;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Gpu;
using ILGPU;
using ILGPU.Runtime.Cuda;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>Every kernel fits every device it is meant for, and reads memory as wide as it is said to.</summary>
[TestFixture]
internal sealed class PtxResourceTests
{
    private static readonly int[] Capabilities = [80, 89, 90];

    /// <summary>
    /// Accesses of 16 or 8 bytes that a kernel makes at least: of weights (v4.b32), of activations and of what it holds in shared memory.
    /// </summary>
    private static readonly Dictionary<Type, (string Kind, int Least)[]> Wide = new()
    {
        [typeof(Embed.Parameters)] = [("ld.global.v4.b32", 1)],
        [typeof(AbsorbQueries.Parameters)] = [("ld.global.v4.b32", 4)],
        [typeof(ProjectLatents.Parameters)] = [("ld.global.v4.b32", 1), ("ld.shared.v4.f32", 2), ("st.shared.v4.f32", 2)],
        [typeof(Linear.Parameters)] = [("ld.shared.v4.f32", 8), ("st.shared.v4.f32", 8)],
        [typeof(RoutedExperts.HiddenParameters)] = [("ld.shared.v4.f32", 16), ("st.shared.v4.f32", 16)],
        [typeof(RoutedExperts.DownParameters)] = [("ld.shared.v4.f32", 16), ("st.shared.v4.f32", 16)],
        [typeof(NormLinear.Parameters)] = [("ld.global.v4.f32", 4), ("ld.shared.v4.f32", 16), ("st.shared.v4.f32", 16)],
        [typeof(NormSwiGlu.Parameters)] = [("ld.global.v4.f32", 4), ("ld.shared.v4.f32", 16), ("st.shared.v4.f32", 16)],
        [typeof(ProjectQueries.Parameters)] = [("ld.global.v4.f32", 5), ("ld.shared.v4.f32", 8), ("st.shared.v4.f32", 8)],
        [typeof(RmsNorm.Parameters)] = [("ld.global.v4.f32", 1)],
        [typeof(AppendLatents.Parameters)] = [("ld.global.v4.f32", 1)],
        [typeof(ArgMax.Parameters)] = [("ld.shared.v2.b32", 2), ("st.shared.v2.b32", 2)],
        [typeof(TopLogits.Parameters)] = [("ld.shared.v2.b32", 3), ("st.shared.v2.b32", 5)],
        [typeof(TopLogits.JoinParameters)] = [("ld.shared.v2.b32", 3), ("st.shared.v2.b32", 5)],
    };

    [Test]
    public void Every_kernel_fits_the_device_and_reads_as_wide_as_it_is_said_to([ValueSource(nameof(Capabilities))] int capability)
    {
        using Context context = NewContext();
        foreach (MethodInfo kernel in KernelCatalog.Gpu.All)
        {
            string ptx = Generate(context, kernel, capability);
            Assert.That(PtxResources.Excesses(ptx, capability), Is.Empty, Name(kernel));
            Assert.That(PtxResources.NarrowAccess(ptx), Is.Null, Name(kernel));
            foreach (var (kind, least) in Wide.GetValueOrDefault(kernel.GetParameters()[0].ParameterType, []))
            {
                Assert.That(PtxResources.Accesses(ptx, kind), Is.AtLeast(least), $"{Name(kernel)}: {kind}");
            }
        }
    }

    [TestCase(nameof(WastefulKernels.MuchSharedMemory), "49168 bytes of shared memory")]
    [TestCase(nameof(WastefulKernels.ManyParameters), "bytes of parameters")]
    public void What_does_not_fit_is_found(string kernel, string excess)
    {
        using Context context = NewContext();
        Assert.That(PtxResources.Excesses(Generate(context, kernel), 80), Has.Count.EqualTo(1).And.Some.Contains(excess));
    }

    [Test]
    public void A_target_beyond_the_device_is_found()
    {
        using Context context = NewContext();
        string ptx = Generate(context, nameof(WastefulKernels.SingleValues));
        Assert.That(PtxResources.Excesses(ptx, 80), Is.Empty);
        ptx = ptx.Replace(".target sm_80", ".target sm_90", StringComparison.Ordinal);
        Assert.That(PtxResources.Excesses(ptx, 89), Has.One.Contains("a target of 90"));
    }

    [Test]
    public void Narrow_reads_are_found()
    {
        using Context context = NewContext();
        Assert.That(PtxResources.NarrowAccess(Generate(context, nameof(WastefulKernels.Halves))), Does.Contain("16"));
        string single = Generate(context, nameof(WastefulKernels.SingleValues));
        Assert.That(PtxResources.NarrowAccess(single), Is.Null);
        Assert.That(PtxResources.Accesses(single, "ld.global.v4.f32"), Is.Zero);
        Assert.That(PtxResources.Accesses(single, "ld.global.f32"), Is.EqualTo(2));
    }

    private static Context NewContext() => Context.Create(builder => builder.ForKernels());

    private static string Generate(Context context, MethodInfo kernel, int capability)
        => PtxLint.Generate(context, kernel, new CudaArchitecture(capability / 10, capability % 10));

    private static string Generate(Context context, string kernel) => Generate(context, typeof(WastefulKernels).GetMethod(kernel)!, 80);

    private static string Name(MethodInfo kernel) => $"{kernel.DeclaringType!.Name}: {kernel}";
}
