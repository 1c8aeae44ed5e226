using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Benchmarks;

/// <summary>
/// y = x W^T on the CPU at an expert-sized shape, over as many matrices as it takes to leave the caches: one token is bound by memory,
/// many by arithmetic. <see cref="ReadMemory"/> reads the same bytes and nothing else, and is what one token is to be compared with.
/// </summary>
public unsafe class LinearBenchmarks
{
    private const int Rows = 1408;
    private const int Columns = 2048;
    private const long Bytes = 256L << 20;
    private SimdBackend _backend = null!;
    private byte* _memory;
    private float* _scales;
    private Matrix[] _matrices = [];
    private Activations _x;
    private Activations _y;

    [Params(nameof(WeightEncoding.F32), nameof(WeightEncoding.F16), nameof(WeightEncoding.BF16), nameof(WeightEncoding.F8E4M3))]
    public string Encoding { get; set; } = null!;

    [Params(1, 8, 128)]
    public int Tokens { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var encoding = Enum.Parse<WeightEncoding>(Encoding);
        _backend = SimdBackend.Fastest(0);
        _memory = (byte*)NativeMemory.Alloc((nuint)Bytes);
        new Random(1).NextBytes(new Span<byte>(_memory, (int)Bytes));
        _scales = (float*)NativeMemory.AllocZeroed(11 * 16 * sizeof(float));
        var matrixBytes = (long)Rows * Columns * encoding.BytesPerElement();
        _matrices = [.. Enumerable.Range(0, (int)(Bytes / matrixBytes)).Select(i => _backend.LoadMatrix(new WeightMatrix
        {
            Encoding = encoding,
            Rows = Rows,
            Columns = Columns,
            Data = _memory + (i * matrixBytes),
            Scales = encoding is WeightEncoding.F8E4M3 ? _scales : null,
            BlockRows = encoding is WeightEncoding.F8E4M3 ? 128 : 0,
            BlockColumns = encoding is WeightEncoding.F8E4M3 ? 128 : 0,
        }))];
        _x = Activations.Dense(_backend.Allocate<float>(Tokens * Columns), Columns);
        _y = Activations.Dense(_backend.Allocate<float>(Tokens * Rows), Rows);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _x.Array.Dispose();
        _y.Array.Dispose();
        _backend.Dispose();
        NativeMemory.Free(_memory);
        NativeMemory.Free(_scales);
    }

    [Benchmark]
    public void Linear()
    {
        foreach (var matrix in _matrices)
        {
            _backend.Linear(_x, matrix, _y, Tokens);
        }
    }

    [Benchmark(Baseline = true)]
    public long ReadMemory()
    {
        var threads = Environment.ProcessorCount;
        var part = Bytes / threads / 8;
        var sums = new long[threads];
        Parallel.For(0, threads, t =>
        {
            var words = (long*)_memory + (t * part);
            sums[t] = System.Numerics.Tensors.TensorPrimitives.Sum(new ReadOnlySpan<long>(words, (int)part));
        });
        return sums.Sum();
    }
}
