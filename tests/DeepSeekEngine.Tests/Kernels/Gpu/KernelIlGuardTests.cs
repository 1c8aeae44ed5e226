using System.Reflection;
using DeepSeekEngine.Kernels.Gpu;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

[TestFixture]
internal sealed class KernelIlGuardTests
{
    private static IEnumerable<MethodInfo> Kernels =>
    [
        .. KernelCatalog.Gpu.All, .. KernelCatalog.Gpu.AllForTensorCores,
        .. KernelCatalog.CpuAccelerator.All, .. KernelCatalog.CpuAccelerator.AllForTensorCores,
    ];

    [Test]
    public void No_kernel_uses_what_is_miscompiled()
        => Assert.That(Kernels.SelectMany(KernelIlGuard.Problems).Distinct(), Is.Empty);

    [TestCase(nameof(WrongKernels.BoolToFloat), "number")]
    [TestCase(nameof(WrongKernels.BoolToInt), "number")]
    [TestCase(nameof(WrongKernels.NestedChoice), "number")]
    [TestCase(nameof(WrongKernels.NegatedChoice), "number")]
    [TestCase(nameof(WrongKernels.ChoiceOfTwo), "number")]
    [TestCase(nameof(WrongKernels.SignCast), "8 or 16 bits")]
    [TestCase(nameof(WrongKernels.CastTo16Bits), "8 or 16 bits")]
    [TestCase(nameof(WrongKernels.SignedDivision), "power of two")]
    [TestCase(nameof(WrongKernels.UnsignedDivision), "power of two")]
    [TestCase(nameof(WrongKernels.DivisionByConstantOfType), "power of two")]
    [TestCase(nameof(WrongKernels.UnsignedToFloat), "unsigned")]
    [TestCase(nameof(WrongKernels.Fma), "FusedMultiplyAdd")]
    [TestCase(nameof(WrongKernels.ClampInHelper), "Clamp")]
    [TestCase(nameof(WrongKernels.SignOf), "Sign")]
    [TestCase(nameof(WrongKernels.CopiedSign), "CopySign")]
    [TestCase(nameof(WrongKernels.SubViewOf), "SubView")]
    [TestCase(nameof(WrongKernels.SwitchOf), "switch")]
    [TestCase(nameof(WrongKernels.UpdateBeforeInnerLoop), "outer loop")]
    [TestCase(nameof(WrongKernels.UpdateBetweenInnerLoops), "outer loop")]
    public void What_is_miscompiled_is_found(string kernel, string problem)
        => Assert.That(KernelIlGuard.Problems(typeof(WrongKernels).GetMethod(kernel)!), Has.Some.Contains(problem));

    [TestCase(nameof(WrongKernels.Access))]
    [TestCase(nameof(WrongKernels.UpdateAfterInnerLoop))]
    public void A_kernel_without_fault_has_no_problems(string kernel)
        => Assert.That(KernelIlGuard.Problems(typeof(WrongKernels).GetMethod(kernel)!), Is.Empty);
}
