using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.ExceptionServices;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.OpenCL;
using ILGPU.Runtime;
using ILGPU.Runtime.OpenCL;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <summary>
/// Compiles kernels for one accelerator, all on one thread of its own: ILGPU compiles in parallel on the thread pool under a lock, and
/// callers on the pool starve it.
/// </summary>
internal sealed class KernelLoader : IDisposable
{
    private static readonly FieldInfo SourceField =
        typeof(CLCompiledKernel).GetField("<Source>k__BackingField", BindingFlags.NonPublic | BindingFlags.Instance)!;

    private readonly Accelerator accelerator;
    private readonly BlockingCollection<Action> requests = [];
    private readonly Thread thread;

    public KernelLoader(Accelerator accelerator)
    {
        this.accelerator = accelerator;
        thread = new Thread(Run) { IsBackground = true, Name = "DeepSeekEngine kernel loader" };
        thread.Start();
    }

    /// <summary>The launcher of a kernel; whoever holds it keeps the kernel loaded.</summary>
    public Action<AcceleratorStream, KernelConfig, TParameters> Load<TParameters>(MethodInfo kernel)
        where TParameters : struct
    {
        Action<AcceleratorStream, KernelConfig, TParameters>? launcher = null;
        ExceptionDispatchInfo? failure = null;
        using ManualResetEventSlim done = new();
        requests.Add(() =>
        {
            try
            {
                launcher = Compile(kernel).CreateLauncherDelegate<Action<AcceleratorStream, KernelConfig, TParameters>>();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }

            done.Set();
        });
        done.Wait();
        failure?.Throw();
        return launcher!;
    }

    public void Dispose()
    {
        requests.CompleteAdding();
        thread.Join();
        requests.Dispose();
    }

    private Kernel Compile(MethodInfo kernel)
    {
        if (accelerator is not CLAccelerator openCl)
        {
            return accelerator.LoadKernel(kernel);
        }

        var entryPoint = EntryPointDescription.FromExplicitlyGroupedKernel(kernel);
        var compiled = (CLCompiledKernel)openCl.Backend.Compile(entryPoint, KernelSpecialization.Empty);
        SourceField.SetValue(compiled, OpenClSource.Correct(compiled.Source));
        return openCl.LoadKernel(compiled);
    }

    private void Run()
    {
        accelerator.Bind();
        foreach (Action request in requests.GetConsumingEnumerable())
        {
            request();
        }
    }
}
