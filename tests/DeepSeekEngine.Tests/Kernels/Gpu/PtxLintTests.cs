using System.Reflection;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Gpu;
using ILGPU;
using ILGPU.Runtime.Cuda;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>Compiles every kernel for CUDA without a GPU.</summary>
[TestFixture]
internal sealed class PtxLintTests
{
    private static readonly (int Major, int Minor)[] Architectures = [(8, 0), (8, 9), (9, 0)];

    [Test]
    public void Every_kernel_compiles_to_clean_ptx([ValueSource(nameof(Architectures))] (int Major, int Minor) architecture)
    {
        using Context context = NewContext(OptimizationLevel.O2);
        CudaArchitecture target = new(architecture.Major, architecture.Minor);
        foreach (MethodInfo kernel in KernelCatalog.Gpu.All)
        {
            string ptx = PtxLint.Generate(context, kernel, target);
            Assert.That(ptx, Does.Contain(".visible .entry"));
            Assert.That(PtxLint.Problems(ptx), Is.Empty, $"{kernel.DeclaringType!.Name}: {kernel}");
        }
    }

    [Test]
    public void Weights_are_loaded_16_bytes_at_a_time(
        [Values("F32", "F16", "BF16", "F8E4M3", "Int8", "Int4")] string name,
        [ValueSource(nameof(Architectures))] (int Major, int Minor) architecture)
    {
        using Context context = NewContext(OptimizationLevel.O2);
        var encoding = Enum.Parse<WeightEncoding>(name);
        MethodInfo[] kernels =
        [
            KernelCatalog.Gpu.Get<Linear.Parameters>(encoding),
            KernelCatalog.Gpu.Get<RoutedExperts.HiddenParameters>(encoding),
            KernelCatalog.Gpu.Get<RoutedExperts.DownParameters>(encoding),
            KernelCatalog.Gpu.Get<NormLinear.Parameters>(encoding),
            KernelCatalog.Gpu.Get<ProjectQueries.Parameters>(encoding),
            KernelCatalog.Gpu.Get<NormSwiGlu.Parameters>(encoding),
        ];
        foreach (MethodInfo kernel in kernels)
        {
            // Four rows that are apart have a load each, four that are packed one, and at most two more for their scales.
            string ptx = PtxLint.Generate(context, kernel, new CudaArchitecture(architecture.Major, architecture.Minor));
            int loads = ptx.Split("ld.global.v4.b32").Length - 1;
            int products = kernel.DeclaringType == typeof(Linear) || kernel.DeclaringType == typeof(ProjectQueries) ? 1 : 2;
            Assert.That(loads, encoding.IsPacked() ? Is.InRange(2 * products, 3 * products) : Is.EqualTo(4 * products), $"{kernel.DeclaringType!.Name}: {kernel}");
            Assert.That(PtxLint.Problems(ptx), Is.Empty, $"{kernel.DeclaringType!.Name}: {kernel}");
        }
    }

    [Test]
    public void Attention_loads_four_values_at_a_time_and_fits_shared_memory(
        [ValueSource(nameof(Architectures))] (int Major, int Minor) architecture)
    {
        using Context context = NewContext(OptimizationLevel.O2);
        foreach (MethodInfo kernel in (MethodInfo[])
        [
            KernelCatalog.Gpu.Get<CachedAttention.Parameters>(),
            KernelCatalog.Gpu.Get<CachedAttention.JoinParameters>(),
            KernelCatalog.Gpu.Get<ExpandedAttention.Parameters>(),
        ])
        {
            string name = $"{kernel.DeclaringType!.Name}.{kernel.Name}";
            string ptx = PtxLint.Generate(context, kernel, new CudaArchitecture(architecture.Major, architecture.Minor));
            Assert.That(PtxLint.Problems(ptx), Is.Empty, name);
            Assert.That(ptx, Does.Contain("ld.global.v4.").And.Contain("st.global.v4."), name);
            Assert.That(ptx, Does.Contain("ld.shared.v4.").And.Contain("st.shared.v4."), name);
            Assert.That(PtxLint.SharedBytes(ptx), Is.Positive.And.AtMost(48 << 10), name);
        }
    }

    [TestCase(nameof(WrongKernels.Fma), "undefined function")]
    [TestCase(nameof(WrongKernels.CallOf), "a call")]
    [TestCase(nameof(WrongKernels.IndexedLocal), "local memory")]
    [TestCase(nameof(WrongKernels.Float64), "float64")]
    [TestCase(nameof(WrongKernels.SwitchOf), "indirect branch")]
    public void What_must_not_be_in_ptx_is_found(string kernel, string problem)
    {
        using Context context = NewContext(OptimizationLevel.O2);
        string ptx = PtxLint.Generate(context, typeof(WrongKernels).GetMethod(kernel)!, new CudaArchitecture(8, 0));
        Assert.That(PtxLint.Problems(ptx), Has.Some.Contains(problem), ptx);
    }

    // Which kernels ILGPU does this to depends on how the C# compiler was told to optimise them; this is what it looks like.
    [Test]
    public void A_truth_value_as_a_float_is_found()
        => Assert.That(PtxLint.Problems("\tselp.b32\t%f1, 0f00000001, 0f00000000, %p1;"), Has.Some.Contains("truth value"));

    [Test]
    public void An_access_without_a_state_space_is_found()
    {
        using Context context = NewContext(OptimizationLevel.O1);
        string ptx = PtxLint.Generate(context, typeof(WrongKernels).GetMethod(nameof(WrongKernels.Access))!, new CudaArchitecture(8, 0));
        Assert.That(PtxLint.Problems(ptx), Has.Some.Contains("state space"));
    }

    [Test]
    public void A_kernel_without_fault_has_no_problems()
    {
        using Context context = NewContext(OptimizationLevel.O2);
        string ptx = PtxLint.Generate(context, typeof(WrongKernels).GetMethod(nameof(WrongKernels.Access))!, new CudaArchitecture(8, 0));
        Assert.That(PtxLint.Problems(ptx), Is.Empty);
    }

    private static Context NewContext(OptimizationLevel level) => Context.Create(builder => builder.ForKernels(level));
}
