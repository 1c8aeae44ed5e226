using System.Collections.Concurrent;
using System.Reflection;
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
    private readonly int driverThreads;
    private readonly string? target;
    private readonly List<LoadedKernel> kernels = [];
    private readonly BlockingCollection<Action> requests = [];
    private readonly Thread thread;

    /// <param name="driverThreads">Threads for the driver's part of many kernels; 0 where it must not be done twice at a time.</param>
    public KernelLoader(Accelerator accelerator, int driverThreads)
    {
        this.accelerator = accelerator;
        this.driverThreads = driverThreads;
        target = accelerator switch
        {
            CudaAccelerator cuda => $"CUDA {cuda.Architecture} {cuda.InstructionSet}",
            CLAccelerator openCl => $"OpenCL {openCl.VendorName} {openCl.Name} {openCl.CVersion}",
            _ => null,
        };
        thread = new Thread(() => RunAll(requests)) { IsBackground = true, Name = "DeepSeekEngine kernel loader" };
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
    public void Load(LoadedKernel kernel) => Start(kernel, links: null).GetAwaiter().GetResult();

    /// <summary>Compiles the registered kernels that are wanted and were not launched yet.</summary>
    /// <param name="progress">Told how many are ready and how many there are, on the caller's thread.</param>
    public void Prepare(Predicate<MethodInfo> isWanted, Action<int, int>? progress)
    {
        LoadedKernel[] wanted = [.. kernels.Where(kernel => !kernel.IsLoaded && isWanted(kernel.Method))];
        using BlockingCollection<Action> links = [];
        Thread[] drivers = [.. Enumerable.Range(0, driverThreads).Select(
            i => new Thread(() => RunAll(links)) { IsBackground = true, Name = $"DeepSeekEngine kernel driver {i}" })];
        Array.ForEach(drivers, driver => driver.Start());
        try
        {
            Task[] loads = [.. wanted.Select(kernel => Start(kernel, drivers.Length > 0 ? links : null))];
            for (int done = 0; done < wanted.Length; done++)
            {
                progress?.Invoke(done, wanted.Length);
                ((IAsyncResult)loads[done]).AsyncWaitHandle.WaitOne();
            }

            Array.ForEach(loads, load => load.GetAwaiter().GetResult());
            progress?.Invoke(wanted.Length, wanted.Length);
        }
        finally
        {
            links.CompleteAdding();
            Array.ForEach(drivers, driver => driver.Join());
        }
    }

    public void Dispose()
    {
        requests.CompleteAdding();
        thread.Join();
        requests.Dispose();
    }

    private static void Attempt(TaskCompletionSource done, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e)
        {
            done.SetException(e);
        }
    }

    /// <param name="links">Where the driver's part is done, after ILGPU's; null for right here.</param>
    private Task Start(LoadedKernel kernel, BlockingCollection<Action>? links)
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        requests.Add(() => Attempt(done, () =>
        {
            CompiledKernel? compiled = Compile(kernel.Method);
            if (links is null)
            {
                Link();
            }
            else
            {
                links.Add(() => Attempt(done, Link));
            }

            void Link()
            {
                kernel.Attach(compiled is null ? accelerator.LoadKernel(kernel.Method) : accelerator.LoadKernel(compiled));
                done.SetResult();
            }
        }));
        return done.Task;
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

    private void RunAll(BlockingCollection<Action> actions)
    {
        accelerator.Bind();
        foreach (Action action in actions.GetConsumingEnumerable())
        {
            action();
        }
    }
}
