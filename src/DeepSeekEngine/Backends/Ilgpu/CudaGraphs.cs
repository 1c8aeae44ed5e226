using System.Runtime.InteropServices;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <summary>
/// Captures what is issued to a stream as a CUDA graph, through the driver's interface, which ILGPU does not have. An ILGPU launch is one
/// cuLaunchKernel with its arguments in a buffer the driver copies, so it can be captured; what allocates or waits cannot. After any
/// failure <see cref="IsUsable"/> is false for good and callers do without.
/// </summary>
internal sealed unsafe class CudaGraphs(CudaGraphs.Driver driver, nint stream)
{
    /// <summary>CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: what other threads do, such as freeing memory, does not end the capture.</summary>
    private const int ThreadLocal = 1;

    private bool failed;

    public bool IsUsable => !failed;

    /// <summary>Null where the driver has no graphs.</summary>
    public static CudaGraphs? Open(AcceleratorStream stream)
        => stream is CudaStream cuda && Driver.Load() is { } driver ? new CudaGraphs(driver, cuda.StreamPtr) : null;

    /// <summary>What the operations issue, as a graph, without running it; 0 if that cannot be done.</summary>
    public nint Capture(Action operations)
    {
        if (driver.BeginCapture(stream, ThreadLocal) != 0)
        {
            failed = true;
            return 0;
        }

        bool issued = false;
        nint graph = 0;
        nint executable = 0;
        try
        {
            operations();
            issued = true;
        }
        catch (AcceleratorException)
        {
            // Something in a step that a capture does not allow; the caller issues the step without one and learns if it was more.
        }
        finally
        {
            // Also where the operations threw, or the stream could never be used again.
            bool captured = driver.EndCapture(stream, &graph) == 0 && graph != 0;
            failed |= !issued || !captured || driver.Instantiate(&executable, graph, 0) != 0 || executable == 0;
            if (graph != 0)
            {
                _ = driver.DestroyGraph(graph);
            }
        }

        return failed ? 0 : executable;
    }

    /// <summary>Issues a graph to the stream; false if the driver refused and nothing was issued.</summary>
    public bool Launch(nint graph)
    {
        failed |= driver.Launch(graph, stream) != 0;
        return !failed;
    }

    public void Free(nint graph) => _ = driver.DestroyExecutable(graph);

    /// <summary>The driver's functions. Each returns 0 for success.</summary>
    public sealed class Driver
    {
        public required delegate* unmanaged<nint, int, int> BeginCapture { get; init; }

        public required delegate* unmanaged<nint, nint*, int> EndCapture { get; init; }

        public required delegate* unmanaged<nint*, nint, ulong, int> Instantiate { get; init; }

        public required delegate* unmanaged<nint, nint, int> Launch { get; init; }

        public required delegate* unmanaged<nint, int> DestroyGraph { get; init; }

        public required delegate* unmanaged<nint, int> DestroyExecutable { get; init; }

        /// <summary>Those of libcuda; null if it lacks one, as drivers before CUDA 11.4 do.</summary>
        public static Driver? Load()
        {
            if (!NativeLibraries.TryLoadCuda(out nint library)
                || !NativeLibrary.TryGetExport(library, "cuStreamBeginCapture_v2", out nint begin)
                || !NativeLibrary.TryGetExport(library, "cuStreamEndCapture", out nint end)
                || !NativeLibrary.TryGetExport(library, "cuGraphInstantiateWithFlags", out nint instantiate)
                || !NativeLibrary.TryGetExport(library, "cuGraphLaunch", out nint launch)
                || !NativeLibrary.TryGetExport(library, "cuGraphDestroy", out nint destroy)
                || !NativeLibrary.TryGetExport(library, "cuGraphExecDestroy", out nint destroyExecutable))
            {
                return null;
            }

            return new Driver
            {
                BeginCapture = (delegate* unmanaged<nint, int, int>)begin,
                EndCapture = (delegate* unmanaged<nint, nint*, int>)end,
                Instantiate = (delegate* unmanaged<nint*, nint, ulong, int>)instantiate,
                Launch = (delegate* unmanaged<nint, nint, int>)launch,
                DestroyGraph = (delegate* unmanaged<nint, int>)destroy,
                DestroyExecutable = (delegate* unmanaged<nint, int>)destroyExecutable,
            };
        }
    }
}
