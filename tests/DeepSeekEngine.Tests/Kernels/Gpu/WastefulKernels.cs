using DeepSeekEngine.Kernels.Gpu;
using ILGPU;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>Kernels that take too much of a device, or read memory badly, to prove that this is seen.</summary>
internal static class WastefulKernels
{
    /// <summary>Larger than arguments may be.</summary>
    internal struct Parameters
    {
        public required ArrayView<float> Floats;
        public required ArrayView<short> Shorts;
        public Block A;
        public Block B;
        public Block C;
        public Block D;
        public Block E;
    }

    internal struct Small
    {
        public required ArrayView<float> Floats;
        public required ArrayView<short> Shorts;
    }

    /// <summary>1024 bytes.</summary>
    internal unsafe struct Block
    {
        public fixed int Values[256];
    }

    public static void ManyParameters(Parameters p) => p.Floats[Group.IdxX] += 1f;

    public static void MuchSharedMemory(Small p)
    {
        ArrayView<float> first = SharedMemory.Allocate<float>(8192);
        ArrayView<Float4> second = SharedMemory.Allocate<Float4>(1025);
        first[Group.IdxX] = p.Floats[Group.IdxX];
        second[Group.IdxX].X = first[Group.IdxX];
        Group.Barrier();
        p.Floats[Group.IdxX] = first[Group.IdxX + 1] + second[Group.IdxX + 1].X;
    }

    public static void SingleValues(Small p) => p.Floats[Group.IdxX] = p.Floats[4 * Group.IdxX] + p.Floats[(4 * Group.IdxX) + 1];

    public static void Halves(Small p) => p.Floats[Group.IdxX] = p.Shorts[Group.IdxX];
}
