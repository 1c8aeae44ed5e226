using System.Diagnostics;
using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Benchmarks.Devices;
using DeepSeekEngine.Benchmarks.Operations;
using ILGPU.Runtime;

namespace DeepSeekEngine.Benchmarks.Limits;

/// <summary>
/// The memory of an accelerator, as its own copies from one place to another find it. The limit of its arithmetic is another library's
/// product, which <see cref="Products.ProductsCommand"/> sets beside ours.
/// </summary>
internal sealed class AcceleratorLimits : IDeviceLimits
{
    private const int Copies = 8;
    private readonly IlgpuBackend _backend;
    private readonly IlgpuArray<float> _from;
    private readonly IlgpuArray<float> _to;

    /// <param name="bytes">Bytes a copy takes: far more than the caches hold.</param>
    public AcceleratorLimits(IlgpuBackend backend, long bytes)
    {
        _backend = backend;
        _from = (IlgpuArray<float>)backend.Allocate<float>(bytes / sizeof(float));
        _to = (IlgpuArray<float>)backend.Allocate<float>(bytes / sizeof(float));
        _ = MemoryBandwidth();
    }

    public string Probe => "the probe copies within the device's memory, read and written bytes counted,";

    public double MemoryBandwidth()
    {
        _backend.Wait();
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < Copies; i++)
        {
            _from.View.CopyTo(_backend.Stream, _to.View);
        }

        _backend.Wait();
        return 2.0 * Copies * _from.View.LengthInBytes / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public double Arithmetic(Operands on) => double.PositiveInfinity;

    public void Dispose()
    {
        _from.Dispose();
        _to.Dispose();
    }
}
