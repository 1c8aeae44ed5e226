using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Emitted;

namespace DeepSeekEngine.Backends.Simd;

/// <summary>
/// The operations as SIMD kernels on the processor. Matrices stay where the checkpoint is mapped and are decoded in registers; each
/// operation is divided among the threads of one pool and is complete when it returns.
/// </summary>
internal sealed unsafe partial class SimdBackend : IBackend
{
    /// <summary>Activations worth another thread: below this an element-wise operation is done before the thread is awake.</summary>
    private const int ElementGrain = 4096;

    /// <summary>The same for rounding, which takes as long as a few element-wise operations together.</summary>
    private const int QuantizeGrain = 16384;

    private readonly WorkerPool pool;
    private readonly PackedKernels kernels;
    private readonly BFloat16Kernels? bfloat16;
    private readonly BFloat16AttentionFunctions attention;
    private readonly NativeBuffer scratch = new(0);
    private readonly NativeBuffer groups = new(0);
    private readonly NativeBuffer splits = new(0);
    private readonly NativeBuffer quantized = new(0);

    /// <summary>
    /// Bytes of experts that are brought in at once, so little of memory that they are used before others take their place. The many that a
    /// long prompt chooses are read one after the other, which read-ahead does as well.
    /// </summary>
    private readonly long mostAnnouncedBytes = HostMemory.Bytes / 4;

    private bool residencyIsKnown;

    /// <param name="threads">Threads that compute, the caller's included; 0 for one a processor this process may use.</param>
    /// <param name="width">The registers to compute with; null for the widest this processor has.</param>
    /// <param name="path">The instructions to compute packed matrices with; null for the best this processor has.</param>
    /// <param name="bfloat16">
    /// What multiplies weights of BF16 and FP8 with activations that are rounded to bfloat16, and what computes attention unless the cache is
    /// of float32, which is to be more precise; null if nothing is rounded.
    /// </param>
    /// <param name="cache">What the cache is kept as; null for what attention is computed in.</param>
    public SimdBackend(
        int threads = 0, LaneWidth? width = null, PackedPath? path = null, BFloat16Kernels? bfloat16 = null, CachePrecision? cache = null)
    {
        this.bfloat16 = bfloat16;
        CachePrecision = cache ?? PrecisionOf(bfloat16);
        attention = CachePrecision is CachePrecision.Float32 ? default : bfloat16?.Attention ?? default;
        kernels = path is { } chosen ? PackedKernels.Of(chosen) : PackedKernels.Native;
        pool = new WorkerPool(threads, width);
        DeviceName = $"CPU ({pool.Workers} {(pool.Workers == 1 ? "thread" : "threads")}, {(int)(width ?? LaneWidths.Native)}-bit SIMD)";
    }

    /// <summary>The processor without regard to how it is used.</summary>
    public static string ProcessorName => $"CPU ({Environment.ProcessorCount} processors, {(int)LaneWidths.Native}-bit SIMD)";

    /// <summary>With what is fastest on this processor, as applications compute.</summary>
    /// <param name="threads">Threads that compute, the caller's included; 0 for one a processor this process may use.</param>
    /// <param name="cache">What the cache is kept as; null for what is fastest.</param>
    public static SimdBackend Fastest(int threads, CachePrecision? cache = null)
        => new(threads, bfloat16: BFloat16Kernels.Native, cache: cache);

    /// <summary>What <see cref="Fastest"/> keeps a cache as unless told.</summary>
    public static CachePrecision FastestCache => PrecisionOf(BFloat16Kernels.Native);

    public string DeviceName { get; }

    public CachePrecision CachePrecision { get; }

    /// <summary>Whether activations are rounded to bfloat16 before they are multiplied with weights of BF16 and FP8.</summary>
    public bool RoundsActivations => bfloat16 is not null;

    /// <summary>Whether attention is computed in bfloat16.</summary>
    public bool RoundsAttention => attention.Scores != null;

    public long AvailableBytes => HostMemory.Bytes;

    public DeviceArray<T> Allocate<T>(long length)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return new SimdArray<T>(length, AllocateBuffer(length > long.MaxValue / sizeof(T) ? long.MaxValue : length * sizeof(T)));
    }

    public Matrix LoadMatrix(in WeightMatrix matrix)
    {
        SimdArguments.Check(matrix);
        return new SimdMatrix(View(matrix));
    }

    public ExpertMatrices LoadExperts(ReadOnlySpan<WeightMatrix> experts, Action<int>? loaded = null)
    {
        if (experts.IsEmpty)
        {
            throw new ArgumentException("There are no experts.", nameof(experts));
        }

        ref readonly WeightMatrix first = ref experts[0];
        foreach (ref readonly WeightMatrix expert in experts)
        {
            SimdArguments.Check(expert);
            if (expert.Encoding != first.Encoding || expert.Rows != first.Rows || expert.Columns != first.Columns)
            {
                throw new ArgumentException(
                    $"An expert is {expert.Rows} x {expert.Columns} in {expert.Encoding}, the first {first.Rows} x {first.Columns} in "
                  + $"{first.Encoding}; all must be alike.",
                    nameof(experts));
            }
        }

        var views = new WeightMatrix[experts.Length];
        for (int i = 0; i < views.Length; i++)
        {
            views[i] = View(experts[i]);
            loaded?.Invoke(i);
        }

        return new SimdExpertMatrices(views);
    }

    public void Prepare(Action<int, int>? progress)
    {
    }

    public void Repeat(in StepKey key, Action operations) => operations();

    public void Dispose()
    {
        pool.Dispose();
        scratch.Dispose();
        groups.Dispose();
        splits.Dispose();
        quantized.Dispose();
    }

    /// <exception cref="NotEnoughMemoryException">There is not that much memory.</exception>
    internal static NativeBuffer AllocateBuffer(long byteLength)
    {
        try
        {
            return new NativeBuffer(byteLength);
        }
        catch (OutOfMemoryException)
        {
            throw OutOfMemory(byteLength);
        }
    }

    private static NotEnoughMemoryException OutOfMemory(long byteLength)
        => new(
            byteLength,
            HostMemory.Bytes,
            "Load the model with a shorter context or a smaller prefill chunk, or give the process more memory.");

    /// <summary>Makes a workspace at least this large.</summary>
    /// <exception cref="NotEnoughMemoryException">There is not that much memory.</exception>
    private static void Reserve(NativeBuffer buffer, long byteLength)
    {
        try
        {
            buffer.Reserve(byteLength);
        }
        catch (OutOfMemoryException)
        {
            throw OutOfMemory(byteLength);
        }
    }

    private WeightMatrix View(in WeightMatrix matrix)
        => bfloat16 is not null && !matrix.ExactActivations && BFloat16Rows.Supports(matrix)
            ? matrix with { BFloat16 = matrix.Encoding == WeightEncoding.BF16 ? bfloat16.BF16 : bfloat16.F8E4M3 }
            : matrix;

    private WorkerScratch Scratch(long bytesPerWorker)
    {
        long rounded = WholePages(bytesPerWorker);
        Reserve(scratch, checked(rounded * pool.Workers));
        return new WorkerScratch(scratch.Pointer, rounded);
    }

    /// <summary>
    /// Rounds <paramref name="rows"/> rows, each in <paramref name="parts"/> parts of <paramref name="columns"/>, to the integers that
    /// packed matrices are multiplied with.
    /// </summary>
    /// <param name="numbers">Which rows: row i is number numbers[i] / divisor of x. Null for all in order.</param>
    private PackedProducts Quantize(Rows x, int rows, int parts, int columns, int* numbers = null, int divisor = 1)
    {
        int count = checked(rows * parts);
        Reserve(quantized, QuantizedRows.ByteLength(count, columns));
        var job = new QuantizeJob
        {
            X = x,
            Parts = parts,
            Columns = columns,
            Numbers = numbers,
            Divisor = divisor,
            Y = new QuantizedRows(quantized.Pointer, count, columns),
        };
        pool.For(ref job, count, Math.Max(1, QuantizeGrain / columns));
        return new PackedProducts { Kernels = kernels, X = job.Y, Step = parts };
    }

    private static CachePrecision PrecisionOf(BFloat16Kernels? bfloat16)
        => bfloat16 is null ? CachePrecision.Float32 : CachePrecision.BFloat16;

    /// <summary>Whether there is anything to do.</summary>
    private static bool Any(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return count > 0;
    }

    private static int RowGrain(int width) => Math.Max(1, ElementGrain / width);
}
