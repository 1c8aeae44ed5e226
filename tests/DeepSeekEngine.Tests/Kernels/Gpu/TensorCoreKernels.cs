using DeepSeekEngine.Kernels.Gpu;
using ILGPU;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>Kernels of one warp that do nothing but one instruction of <see cref="TensorCores"/>.</summary>
internal static class TensorCoreKernels
{
    internal struct ProductParameters
    {
        /// <summary>[16, 16] of bfloat16, two a word.</summary>
        public required ArrayView<uint> A;

        /// <summary>[8, 16] of bfloat16, two a word: b's columns.</summary>
        public required ArrayView<uint> B;

        /// <summary>[16, 8].</summary>
        public required ArrayView<float> C;

        public required ArrayView<float> Y;
    }

    internal struct WordParameters
    {
        public required ArrayView<Quad> X;
        public required ArrayView<Quad> Y;
    }

    /// <summary>y = A b + c, a lane's fragments taken from and put to where the PTX ISA says.</summary>
    internal static void Product(ProductParameters p)
    {
        int g = Group.IdxX >> 2;
        int t = Group.IdxX & 3;
        Quad a = new() { X = p.A[g * 8 + t], Y = p.A[(g + 8) * 8 + t], Z = p.A[g * 8 + t + 4], W = p.A[(g + 8) * 8 + t + 4] };
        Float4 c = new()
        {
            X = p.C[g * 8 + 2 * t],
            Y = p.C[g * 8 + 2 * t + 1],
            Z = p.C[(g + 8) * 8 + 2 * t],
            W = p.C[(g + 8) * 8 + 2 * t + 1],
        };
        Float4 y = TensorCores.MultiplyAdd(a, p.B[g * 8 + t], p.B[g * 8 + t + 4], c);
        p.Y[g * 8 + 2 * t] = y.X;
        p.Y[g * 8 + 2 * t + 1] = y.Y;
        p.Y[(g + 8) * 8 + 2 * t] = y.Z;
        p.Y[(g + 8) * 8 + 2 * t + 1] = y.W;
    }

    /// <summary>y[lane] = what it receives of the matrices whose 32 rows are the words of x, last row first.</summary>
    internal static void Matrices(WordParameters p)
    {
        ArrayView<Quad> shared = SharedMemory.Allocate<Quad>(32);
        shared[31 - Group.IdxX] = p.X[Group.IdxX];
        Group.Barrier();
        p.Y[Group.IdxX] = TensorCores.LoadMatrices(ref shared[31 - Group.IdxX]);
    }

    /// <summary>
    /// y[lane], y[32 + lane], ... = what is in shared memory, at first x[lane], before and after waiting for a copy of the first lane % 17 bytes
    /// of x[32 + lane], with another copy begun after it; and that of the other, before and after.
    /// </summary>
    internal static void Copies(WordParameters p)
    {
        ArrayView<Quad> shared = SharedMemory.Allocate<Quad>(64);
        int lane = Group.IdxX;
        shared[lane] = p.X[lane];
        shared[lane + 32] = p.X[lane];
        TensorCores.CopyAsync(ref shared[lane], ref p.X[lane + 32], lane % 17);
        TensorCores.CommitCopies();
        TensorCores.CopyAsync(ref shared[lane + 32], ref p.X[lane + 32], 16);
        TensorCores.CommitCopies();
        p.Y[lane] = shared[lane];
        TensorCores.WaitForAllButLastCopies();
        p.Y[lane + 32] = shared[lane];
        p.Y[lane + 64] = shared[lane + 32];
        TensorCores.CommitCopies();
        TensorCores.WaitForAllButLastCopies();
        p.Y[lane + 96] = shared[lane + 32];
    }
}
