using System.Runtime.CompilerServices;
using DeepSeekEngine.Backends.Ilgpu;
using ILGPU;
using ILGPU.Runtime;

[assembly: InternalsVisibleTo(Context.RuntimeAssemblyName)]

namespace DeepSeekEngine.OpenCL.Tests;

/// <summary>
/// Kernels that are wrong on purpose, to prove that a memory checker around this process notices. They assert nothing themselves, and run
/// only when asked for: on a device that does not check, what they do is undefined.
/// </summary>
[TestFixture]
[Explicit("Undefined behaviour; for .ci/oclgrind.sh")]
[Category("WrongKernels")]
internal sealed class WrongKernels
{
    private const int GroupSize = 64;

    internal struct Parameters
    {
        public required ArrayView<float> Values;
        public required int Length;
    }

    [TestCase(nameof(ReadsWhatAnotherThreadWrites))]
    [TestCase(nameof(ReadsPastTheEnd))]
    [TestCase(nameof(WritesPastTheEnd))]
    [TestCase(nameof(BranchesOnWhatNobodyWrote))]
    public void Is_reported(string kernel)
    {
        Assume.That(IlgpuDevices.OpenCl, Is.Not.Empty);
        using Context context = Context.Create(builder => builder.Optimize(OptimizationLevel.O2));
        using Accelerator accelerator = IlgpuDevices.OpenCl[0].CreateAccelerator(context);
        using KernelLoader loader = new(accelerator, driverThreads: 0);
        using var values = accelerator.Allocate1D<float>(GroupSize);
        using AcceleratorStream stream = accelerator.CreateStream();
        values.MemSetToZero(stream);
        var method = typeof(WrongKernels).GetMethod(kernel)!;
        Parameters parameters = new() { Values = values.View.BaseView, Length = GroupSize };
        new LoadedKernel<Parameters>(loader, method, stream, GroupSize).Launch(1, 1, 1, parameters);
        stream.Synchronize();
    }

    public static void ReadsWhatAnotherThreadWrites(Parameters p)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(GroupSize);
        shared[Group.IdxX] = p.Values[Group.IdxX];
        p.Values[Group.IdxX] = shared[(Group.IdxX + 1) & (GroupSize - 1)];
    }

    public static void ReadsPastTheEnd(Parameters p)
    {
        float value = p.Values[p.Length + Group.IdxX];
        p.Values[Group.IdxX] = value;
    }

    public static void WritesPastTheEnd(Parameters p) => p.Values[p.Length + Group.IdxX] = 1f;

    public static void BranchesOnWhatNobodyWrote(Parameters p)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(GroupSize);
        if (shared[Group.IdxX] > 0f)
        {
            p.Values[Group.IdxX] = 1f;
        }
    }
}
