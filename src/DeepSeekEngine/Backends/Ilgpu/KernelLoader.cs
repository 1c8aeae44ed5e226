using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.ExceptionServices;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.OpenCL;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <summary>
/// Compiles kernels for one accelerator. ILGPU's part is done on one thread of its own, because it compiles in parallel on the thread
/// pool under a lock, and callers on the pool starve it; what it made is kept for the process. CUDA's driver, whose part takes longest,
/// has several threads. OpenCL's does not: compilers that replace signal handlers must not do so twice at a time.
/// </summary>
internal sealed class KernelLoader : IDisposable
{
    private static readonly FieldInfo SourceField =
        typeof(CLCompiledKernel).GetField("<Source>k__BackingField", BindingFlags.NonPublic | BindingFlags.Instance)!;

    /// <summary>What ILGPU made of a kernel for a kind of device; the driver's part belongs to an accelerator.</summary>
    private static readonly ConcurrentDictionary<(MethodInfo Method, string Target), CompiledKernel> Compiled = new();

    private readonly Accelerator accelerator;
    private readonly string? target;
    private readonly List<LoadedKernel> kernels = [];
    private readonly BlockingCollection<Action> requests = [];
    private readonly Thread thread;

    public KernelLoader(Accelerator accelerator)
    {
        this.accelerator = accelerator;
        target = accelerator switch
        {
            CudaAccelerator cuda => $"CUDA {cuda.Architecture} {cuda.InstructionSet}",
            CLAccelerator openCl => $"OpenCL {openCl.VendorName} {openCl.Name} {openCl.CVersion}",
            _ => null,
        };
        thread = new Thread(Run) { IsBackground = true, Name = "DeepSeekEngine kernel loader" };
        thread.Start();
    }

    /// <summary>Where launches are noted to be made again; null where they are not.</summary>
    public List<Action>? Record { get; set; }

    /// <summary>Kernels issued so far.</summary>
    public long Launches { get; set; }

    /// <summary>Kernels ILGPU has compiled in this process.</summary>
    public static int CompiledKernels => Compiled.Count;

    /// <summary>Makes a kernel one of those <see cref="Prepare"/> compiles.</summary>
    public void Register(LoadedKernel kernel) => kernels.Add(kernel);

    /// <summary>Compiles a kernel and waits for it.</summary>
    public void Load(LoadedKernel kernel)
    {
        using BlockingCollection<ExceptionDispatchInfo?> results = [];
        requests.Add(() => results.Add(Attempt(() => Load(kernel, Compile(kernel.Method)))));
        results.Take()?.Throw();
    }

    /// <summary>Compiles the registered kernels that are wanted and were not launched yet.</summary>
    /// <param name="progress">Told how many are ready and how many there are, on the caller's thread.</param>
    public void Prepare(Predicate<MethodInfo> isWanted, Action<int, int>? progress)
    {
        LoadedKernel[] wanted = [.. kernels.Where(kernel => !kernel.IsLoaded && isWanted(kernel.Method))];
        using BlockingCollection<(LoadedKernel Kernel, CompiledKernel? Compiled)> compiled = [];
        using BlockingCollection<ExceptionDispatchInfo?> results = [];
        foreach (LoadedKernel kernel in wanted)
        {
            requests.Add(() =>
            {
                CompiledKernel? result = null;
                if (Attempt(() => result = Compile(kernel.Method)) is { } failure)
                {
                    results.Add(failure);
                }
                else if (accelerator is CudaAccelerator)
                {
                    compiled.Add((kernel, result));
                }
                else
                {
                    results.Add(Attempt(() => Load(kernel, result)));
                }
            });
        }

        requests.Add(compiled.CompleteAdding);
        Thread[] drivers = [.. Enumerable.Range(0, accelerator is CudaAccelerator ? Math.Min(8, Environment.ProcessorCount) : 0).Select(
            i => new Thread(() =>
            {
                accelerator.Bind();
                foreach ((LoadedKernel kernel, CompiledKernel? result) in compiled.GetConsumingEnumerable())
                {
                    results.Add(Attempt(() => Load(kernel, result)));
                }
            }) { IsBackground = true, Name = $"DeepSeekEngine kernel driver {i}" })];
        Array.ForEach(drivers, driver => driver.Start());

        ExceptionDispatchInfo? first = null;
        for (int done = 0; done < wanted.Length; done++)
        {
            progress?.Invoke(done, wanted.Length);
            first = results.Take() is { } failure ? first ?? failure : first;
        }

        while (!compiled.IsCompleted)
        {
            Thread.Sleep(1);
        }

        Array.ForEach(drivers, driver => driver.Join());
        first?.Throw();
        progress?.Invoke(wanted.Length, wanted.Length);
    }

    public void Dispose()
    {
        requests.CompleteAdding();
        thread.Join();
        requests.Dispose();
    }

    private static ExceptionDispatchInfo? Attempt(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (Exception e)
        {
            return ExceptionDispatchInfo.Capture(e);
        }
    }

    /// <summary>ILGPU's part; null where there is no driver to have another.</summary>
    private CompiledKernel? Compile(MethodInfo method)
    {
        if (target is null)
        {
            return null;
        }

        return Compiled.GetOrAdd((method, target), _ =>
        {
            var entryPoint = EntryPointDescription.FromExplicitlyGroupedKernel(method);
            CompiledKernel kernel = accelerator.GetBackend().Compile(entryPoint, KernelSpecialization.Empty);
            if (kernel is CLCompiledKernel openCl)
            {
                SourceField.SetValue(openCl, OpenClSource.Correct(openCl.Source));
            }

            return kernel;
        });
    }

    private void Load(LoadedKernel kernel, CompiledKernel? compiled)
        => kernel.Attach(compiled is null ? accelerator.LoadKernel(kernel.Method) : accelerator.LoadKernel(compiled));

    private void Run()
    {
        accelerator.Bind();
        foreach (Action request in requests.GetConsumingEnumerable())
        {
            request();
        }
    }
}
