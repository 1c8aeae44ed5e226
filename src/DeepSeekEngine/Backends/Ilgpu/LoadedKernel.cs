using System.Reflection;
using ILGPU;
using ILGPU.Runtime;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <summary>A kernel on an accelerator, compiled by <see cref="KernelLoader.Prepare"/> or when it is first launched.</summary>
internal abstract class LoadedKernel(MethodInfo method)
{
    public MethodInfo Method => method;

    public abstract bool IsLoaded { get; }

    /// <summary>Takes the kernel, which stays loaded as long as this lives.</summary>
    public abstract void Attach(Kernel kernel);
}

/// <inheritdoc/>
internal sealed class LoadedKernel<TParameters> : LoadedKernel
    where TParameters : struct
{
    /// <summary>CUDA's limit for the second and third dimension of a grid.</summary>
    private const int MaxGridYZ = 65535;

    private readonly KernelLoader loader;
    private readonly AcceleratorStream stream;
    private readonly int groupSize;
    private Action<AcceleratorStream, KernelConfig, TParameters>? launcher;

    public LoadedKernel(KernelLoader loader, MethodInfo kernel, AcceleratorStream stream, int groupSize)
        : base(kernel)
    {
        this.loader = loader;
        this.stream = stream;
        this.groupSize = groupSize;
        loader.Register(this);
    }

    public override bool IsLoaded => launcher is not null;

    public override void Attach(Kernel kernel)
        => launcher = kernel.CreateLauncherDelegate<Action<AcceleratorStream, KernelConfig, TParameters>>();

    /// <summary>Issues the kernel for x * y * z groups.</summary>
    /// <exception cref="ArgumentException">The grid is larger than devices allow.</exception>
    public void Launch(int x, int y, int z, in TParameters parameters)
    {
        if (y > MaxGridYZ || z > MaxGridYZ)
        {
            throw new ArgumentException($"A grid of {x} x {y} x {z} groups is too large; compute fewer tokens at once.");
        }

        if (launcher is null)
        {
            loader.Load(this);
        }

        KernelConfig config = new(new Index3D(x, y, z), new Index3D(groupSize, 1, 1));
        Issue(config, parameters);
        if (loader.Record is { } record)
        {
            record.Add(Relaunch(config, parameters));
        }
    }

    /// <summary>Issues the kernel for enough groups in x to have a thread for each of <paramref name="threads"/> elements.</summary>
    public void LaunchElements(int threads, int y, int z, in TParameters parameters)
        => Launch((threads + groupSize - 1) / groupSize, y, z, parameters);

    /// <summary>The same launch again. Apart, because what it captures would be allocated at every launch otherwise.</summary>
    private Action Relaunch(KernelConfig config, TParameters parameters) => () => Issue(config, parameters);

    private void Issue(KernelConfig config, in TParameters parameters)
    {
        launcher!(stream, config, parameters);
        loader.Launches++;
    }
}
