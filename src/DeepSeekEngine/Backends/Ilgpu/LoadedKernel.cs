using System.Reflection;
using ILGPU;
using ILGPU.Runtime;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <summary>A kernel on an accelerator, compiled when it is first launched.</summary>
internal sealed class LoadedKernel<TParameters>(KernelLoader loader, MethodInfo kernel, AcceleratorStream stream, int groupSize)
    where TParameters : struct
{
    /// <summary>CUDA's limit for the second and third dimension of a grid.</summary>
    private const int MaxGridYZ = 65535;

    private Action<AcceleratorStream, KernelConfig, TParameters>? launcher;

    /// <summary>Issues the kernel for x * y * z groups.</summary>
    /// <exception cref="ArgumentException">The grid is larger than devices allow.</exception>
    public void Launch(int x, int y, int z, in TParameters parameters)
    {
        if (y > MaxGridYZ || z > MaxGridYZ)
        {
            throw new ArgumentException($"A grid of {x} x {y} x {z} groups is too large; compute fewer tokens at once.");
        }

        launcher ??= loader.Load<TParameters>(kernel);
        launcher(stream, new KernelConfig(new Index3D(x, y, z), new Index3D(groupSize, 1, 1)), parameters);
    }

    /// <summary>Issues the kernel for enough groups in x to have a thread for each of <paramref name="threads"/> elements.</summary>
    public void LaunchElements(int threads, int y, int z, in TParameters parameters)
        => Launch((threads + groupSize - 1) / groupSize, y, z, parameters);
}
