using System.Diagnostics;
using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Benchmarks.Devices;
using DeepSeekEngine.Benchmarks.Synthetic;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Benchmarks.Products;

/// <summary>
/// The products of prefill with BF16 weights, beside those of cuBLAS where it is installed, the two taking turns: <c>--device --shape
/// --tokens --rounds --calls</c>.
/// </summary>
internal static unsafe class ProductsCommand
{
    /// <exception cref="ArgumentException">The device is the processor.</exception>
    public static void Run(Options arguments)
    {
        using var backend = BenchmarkDevice.Open(arguments, "cuda");
        var ilgpu = backend as IlgpuBackend
            ?? throw new ArgumentException("The processor's products are measured by 'ops --op linear'; name another device.");
        using var cublas = Cublas.Open(ilgpu);
        var table = Compare(ilgpu, cublas, arguments);
        Report.Write(
            arguments, "products",
            [
                $"On {backend.DeviceName}. Medians of y = x W^T with W in bfloat16 and sums in float32; x is float32 for ours and bfloat16 for "
                + $"cuBLAS, which is {(cublas is null ? "not installed" : "installed; the two take turns, and apart is the largest difference "
                + "of their results as a part of the largest")}.",
            ],
            table, backend.DeviceName);
    }

    /// <summary>Measures both, or ours alone.</summary>
    internal static MarkdownTable Compare(IlgpuBackend backend, Cublas? cublas, Options arguments)
    {
        var table = new MarkdownTable("product", "rows x columns", "tokens", "ours TFLOP/s", "cuBLAS TFLOP/s", "ours / cuBLAS", "apart");
        foreach (var shape in arguments.List("shape", "v2-lite,r1"))
        {
            foreach (var (name, rows, columns) in Products(Shapes.Of(shape)))
            {
                foreach (var tokens in arguments.Numbers("tokens", "512,2048"))
                {
                    using var product = new Product(backend, rows, columns, tokens);
                    var samples = Enumerable.Range(0, arguments.Number("rounds", 5))
                        .Select(_ => product.Sample(cublas, arguments.Number("calls", 10))).ToArray();
                    var operations = 2.0 * rows * columns * tokens / 1e12;
                    table.Add(
                        $"{shape} {name}", $"{rows} x {columns}", $"{tokens}",
                        $"{operations / Statistics.Median(samples.Select(s => s.Ours)):F2}",
                        cublas is null ? "not installed" : $"{operations / Statistics.Median(samples.Select(s => s.Theirs)):F2}",
                        cublas is null ? "" : $"{Statistics.Median(samples.Select(s => s.Theirs / s.Ours)):F3}",
                        cublas is null ? "" : $"{product.Difference():E1}");
                }
            }
        }

        return table;
    }

    private static IEnumerable<(string Name, int Rows, int Columns)> Products(ModelConfig config)
    {
        var (mla, hidden) = ((MlaConfig)config.Attention, config.HiddenSize);
        var attention = mla.Shape;
        var queries = attention.Heads * attention.QueryHead;
        if (mla.QLoraRank is { } rank)
        {
            yield return ("q_a_proj", rank, hidden);
            yield return ("q_b_proj", queries, rank);
        }
        else
        {
            yield return ("q_proj", queries, hidden);
        }

        yield return ("kv_b_proj", attention.Heads * attention.KeyValueHead, attention.Latent);
        yield return ("o_proj", hidden, attention.Heads * attention.Value);
        yield return ("gate_proj, dense", config.IntermediateSize, hidden);
        yield return ("down_proj, dense", hidden, config.IntermediateSize);
    }

    /// <summary>One product, both ways.</summary>
    private sealed class Product : IDisposable
    {
        private readonly IlgpuBackend _backend;
        private readonly Arena _arena = new();
        private readonly int _rows;
        private readonly int _columns;
        private readonly int _tokens;
        private readonly Matrix _matrix;
        private readonly Activations _x;
        private readonly Activations _y;
        private readonly DeviceArray<ushort> _theirX;
        private readonly DeviceArray<ushort> _theirW;
        private readonly DeviceArray<float> _theirY;

        public Product(IlgpuBackend backend, int rows, int columns, int tokens)
        {
            (_backend, _rows, _columns, _tokens) = (backend, rows, columns, tokens);
            var matrices = new SyntheticMatrices(_arena);
            var weights = matrices.Create(WeightEncoding.BF16, rows, columns);
            var inputs = matrices.Create(WeightEncoding.BF16, tokens, columns);
            var values = new float[(long)tokens * columns];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = BitConverter.UInt32BitsToSingle((uint)((ushort*)inputs.Data)[i] << 16);
            }

            _matrix = backend.LoadMatrix(weights);
            _x = Activations.Dense(backend.Allocate<float>(values.Length), columns);
            _x.Array.Upload(values);
            _y = Activations.Dense(backend.Allocate<float>((long)tokens * rows), rows);
            _theirX = backend.Allocate<ushort>((long)tokens * columns);
            _theirX.Upload(new ReadOnlySpan<ushort>(inputs.Data, checked(tokens * columns)));
            _theirW = backend.Allocate<ushort>((long)rows * columns);
            _theirW.Upload(new ReadOnlySpan<ushort>(weights.Data, checked(rows * columns)));
            _theirY = backend.Allocate<float>((long)tokens * rows);
        }

        /// <summary>Seconds a call takes, ours and theirs; the first sample, in which kernels are compiled, among others.</summary>
        public (double Ours, double Theirs) Sample(Cublas? cublas, int calls)
            => (Seconds(calls, () => _backend.Linear(_x, _matrix, _y, _tokens)),
                cublas is null ? 0 : Seconds(calls, () => cublas.Multiply(_theirX, _theirW, _theirY, _tokens, _rows, _columns)));

        /// <summary>The largest difference of the two results as a part of the largest of ours.</summary>
        public double Difference()
        {
            var (ours, theirs) = (new float[(long)_tokens * _rows], new float[(long)_tokens * _rows]);
            _y.Array.Download(ours);
            _theirY.Download(theirs);
            return ours.Zip(theirs).Max(pair => Math.Abs((double)pair.First - pair.Second)) / ours.Max(Math.Abs);
        }

        public void Dispose()
        {
            _backend.Wait();
            _matrix.Dispose();
            _x.Array.Dispose();
            _y.Array.Dispose();
            _theirX.Dispose();
            _theirW.Dispose();
            _theirY.Dispose();
            _arena.Dispose();
        }

        private double Seconds(int calls, Action call)
        {
            call();
            _backend.Wait();
            var start = Stopwatch.GetTimestamp();
            for (var i = 0; i < calls; i++)
            {
                call();
            }

            _backend.Wait();
            return Stopwatch.GetElapsedTime(start).TotalSeconds / calls;
        }
    }
}
