using System.Diagnostics;
using DeepSeekEngine.Benchmarks.Operations;
using DeepSeekEngine.Benchmarks.Synthetic;
using DeepSeekEngine.Kernels.Cpu;

namespace DeepSeekEngine.Benchmarks.Limits;

/// <summary>
/// What the machine can do at this moment, measured with the threads the library computes with. Other work on the machine and its
/// clock change these within seconds, so they are measured before and after what they are the limit of.
/// </summary>
internal sealed unsafe class MachineLimits : IDeviceLimits
{
    private const int TasksPerWorker = 4;
    private readonly Arena _arena = new();
    private readonly WorkerPool _pool;
    private readonly byte* _memory;
    private readonly long _bytes;
    private readonly byte* _operands;
    private readonly byte* _results;

    /// <param name="threads">0 for one a processor.</param>
    /// <param name="bytes">Bytes the memory probe reads: far more than the caches hold.</param>
    public MachineLimits(int threads = 0, long bytes = 1L << 30)
    {
        _pool = new WorkerPool(threads);
        _bytes = bytes;
        _memory = _arena.Take(bytes);
        RandomBits.Fill(_memory, bytes, 1);
        _operands = _arena.Take(ByteDotJob.OperandBytes);
        RandomBits.Fill(_operands, ByteDotJob.OperandBytes, 2);
        _results = _arena.Take(_pool.Workers * TasksPerWorker * 64L);

        // The first measurement would count the compiler's work.
        _ = MemoryBandwidth() + FloatOperations() + BFloat16Operations() + ByteOperations();
    }

    public int Threads => _pool.Workers;

    public string Probe => "the probe reads memory";

    public double Arithmetic(Operands on) => on switch
    {
        Operands.Int8 => ByteOperations(),
        Operands.BFloat16 => BFloat16Operations(),
        _ => FloatOperations(),
    };

    /// <summary>Bytes a second read from memory once.</summary>
    public double MemoryBandwidth()
    {
        var job = new ReadJob { Memory = _memory, Sums = (long*)_results };
        return Rate(ref job, (int)(_bytes / ReadJob.TaskBytes), _bytes);
    }

    /// <summary>Float32 operations a second, a fused multiply-add being two.</summary>
    public double FloatOperations()
    {
        var job = new MultiplyAddJob { Results = (float*)_results };
        return Rate(ref job, _pool.Workers * TasksPerWorker, MultiplyAddJob.Operations(LaneWidths.Native) * _pool.Workers * TasksPerWorker);
    }

    /// <summary>Operations a second on bfloat16 operands; that of float32 where there is no instruction for them.</summary>
    public double BFloat16Operations() => EmittedDotJob.IsSupported(onBytes: false) ? EmittedOperations(onBytes: false) : FloatOperations();

    /// <summary>Eight-bit operations a second, a multiplication and its addition being two; that of float32 where there are none.</summary>
    public double ByteOperations()
    {
        if (EmittedDotJob.IsSupported(onBytes: true))
        {
            return EmittedOperations(onBytes: true);
        }

        if (!ByteDotJob.IsSupported)
        {
            return FloatOperations();
        }

        var job = new ByteDotJob { Operands = _operands, Results = (int*)_results };
        return Rate(ref job, _pool.Workers * TasksPerWorker, ByteDotJob.Operations * _pool.Workers * TasksPerWorker);
    }

    public void Dispose()
    {
        _pool.Dispose();
        _arena.Dispose();
    }

    private double EmittedOperations(bool onBytes)
    {
        var job = new EmittedDotJob { OnBytes = onBytes };
        return Rate(ref job, _pool.Workers * TasksPerWorker, EmittedDotJob.Operations(onBytes) * _pool.Workers * TasksPerWorker);
    }

    private double Rate<TJob>(ref TJob job, int tasks, double work)
        where TJob : unmanaged, IParallelJob
    {
        var start = Stopwatch.GetTimestamp();
        _pool.For(ref job, tasks);
        return work / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
