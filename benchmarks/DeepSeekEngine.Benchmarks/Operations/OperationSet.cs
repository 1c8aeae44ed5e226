using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Benchmarks.Devices;
using DeepSeekEngine.Benchmarks.Synthetic;
using DeepSeekEngine.Cache;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Benchmarks.Operations;

/// <summary>Operations with the memory they work on.</summary>
internal sealed partial class OperationSet : IDisposable
{
    /// <summary>Tables of experts a device is given beforehand, so that calls need not bring their own.</summary>
    private const int ExpertTables = 64;

    private readonly ModelConfig _config;
    private readonly long _weightBytes;
    private readonly IBackend _backend;
    private readonly Arena _arena = new();
    private readonly SyntheticMatrices _matrices;
    private readonly List<IDisposable> _owned = [];
    private readonly List<Operation> _operations = [];
    private readonly (string Format, Operands Operands) _attention;

    private OperationSet(IBackend backend, ModelConfig config, long weightBytes)
    {
        (_backend, _config, _weightBytes) = (backend, config, weightBytes);
        _matrices = new SyntheticMatrices(_arena, shared: backend is not SimdBackend);
        _attention = (
            backend.CachePrecision switch { CachePrecision.Float32 => "F32", CachePrecision.BFloat16 => "BF16", _ => "Int8" },
            backend is SimdBackend { RoundsAttention: true } ? Operands.BFloat16 : Operands.Float32);
    }

    public IReadOnlyList<Operation> Operations => _operations;

    /// <param name="backend">What does them; outlives the set.</param>
    /// <param name="config">At whose widths.</param>
    /// <param name="weightBytes">Bytes of weights an operation's calls are spread over: far beyond the caches.</param>
    /// <exception cref="ArgumentException">There is no such kind.</exception>
    public static OperationSet Of(
        IBackend backend, ModelConfig config, string kind, WeightEncoding format, int[] tokens, int[] contexts, long weightBytes)
    {
        var set = new OperationSet(backend, config, weightBytes);
        switch (kind)
        {
            case "linear":
                set.AddLinear(format, tokens);
                break;
            case "experts":
                set.AddExperts(format, tokens);
                break;
            case "attention":
                set.AddCachedAttention(contexts);
                break;
            case "expanded":
                set.AddExpandedAttention(tokens);
                break;
            case "elements":
                set.AddElements(tokens);
                break;
            case "decode":
                set.AddDecode(format, contexts);
                break;
            default:
                throw new ArgumentException($"There is no operation '{kind}'.", nameof(kind));
        }

        return set;
    }

    public void Dispose()
    {
        _backend.Wait();
        _owned.ForEach(owned => owned.Dispose());
        _arena.Dispose();
    }

    private void AddLinear(WeightEncoding format, int[] tokens)
    {
        var (rows, columns) = (_config.MoeIntermediateSize, _config.HiddenSize);
        var first = _matrices.Create(format, rows, columns);
        var bytes = first.ByteLength;
        Matrix[] weights = [Own(_backend.LoadMatrix(first)),
            .. Enumerable.Range(1, (int)(_weightBytes / bytes)).Select(_ => Own(_backend.LoadMatrix(_matrices.Create(format, rows, columns))))];
        var (x, y) = (Random(tokens.Max(), columns), Random(tokens.Max(), rows));
        foreach (var count in tokens)
        {
            var next = 0;
            _operations.Add(new Operation(
                $"Linear {rows} x {columns}", $"{format}", count, bytes, 2.0 * rows * columns * count, OperandsOf(format),
                () => _backend.Linear(x, weights[next++ % weights.Length], y, count)));
        }
    }

    private void AddExperts(WeightEncoding format, int[] tokens)
    {
        var (hidden, intermediate, router) = (_config.HiddenSize, _config.MoeIntermediateSize, _config.Router!.Value);
        var (gate, up, down) = (Experts(intermediate, hidden), Experts(intermediate, hidden), Experts(hidden, intermediate));
        var expertBytes = 3.0 * gate.Bytes / router.Experts;
        var (most, chosen) = (tokens.Max(), router.ExpertsPerToken);
        var (x, y, work) = (Random(most, hidden), Random(most, hidden), Random(most * chosen, intermediate));
        var weights = Random(most, chosen);
        foreach (var count in tokens)
        {
            var tables = ExpertIds(router, count);
            var next = 0;
            var distinct = Math.Min(router.Experts, count * chosen);
            _operations.Add(new Operation(
                $"RoutedExperts {chosen} of {router.Experts}, {intermediate} x {hidden}", $"{format}", count, distinct * expertBytes,
                6.0 * hidden * intermediate * chosen * count, OperandsOf(format),
                () => _backend.RoutedExperts(
                    x, tables[next++ % tables.Length], weights, gate.Matrices, up.Matrices, down.Matrices, work, y, count)));
        }

        (ExpertMatrices Matrices, double Bytes) Experts(int rows, int columns) => this.Experts(format, router.Experts, rows, columns);
    }

    private (ExpertMatrices Matrices, double Bytes) Experts(WeightEncoding format, int experts, int rows, int columns)
    {
        var views = new WeightMatrix[experts];
        for (var e = 0; e < views.Length; e++)
        {
            views[e] = _matrices.Create(format, rows, columns);
        }

        return (Own(_backend.LoadExperts(views)), views.Sum(view => (double)view.ByteLength));
    }

    /// <summary>
    /// Chosen experts of so many tokens, for one call after the other: every token's differ from the next one's, and what one call reads is
    /// left to the caches only once the others have been.
    /// </summary>
    private DeviceArray<int>[] ExpertIds(RouterShape router, int count)
    {
        var next = 0;
        var tables = new DeviceArray<int>[ExpertTables];
        for (var i = 0; i < tables.Length; i++)
        {
            tables[i] = Own(_backend.Allocate<int>((long)count * router.ExpertsPerToken));
            tables[i].Upload([.. Enumerable.Range(0, count * router.ExpertsPerToken).Select(_ => next++ % router.Experts)]);
        }

        return tables;
    }

    private void AddCachedAttention(int[] contexts)
    {
        var shape = _config.Attention.Cached;
        var longest = contexts.Max();

        // As many layers' caches as do not stay in the processor's.
        Activations[] caches = [.. Enumerable.Range(0, 16).Select(layer => Cache(longest, layer))];
        var (queries, result) = (Random(1, shape.Heads * shape.Key), Random(1, shape.Heads * shape.Value));
        foreach (var context in contexts)
        {
            var tables = Tables(1, context - 1, context);
            var next = 0;
            _operations.Add(new Operation(
                $"CachedAttention at {context}", _attention.Format, 1, (double)context * caches[0].Width * sizeof(float),
                2.0 * context * shape.Heads * (shape.Key + shape.Value), _attention.Operands,
                () => _backend.CachedAttention(queries, caches[next++ % caches.Length], tables, shape, result, 1)));
        }
    }

    /// <summary>A layer's, as the backend stores it.</summary>
    private Activations Cache(int rows, int layer)
    {
        var width = new CacheLayout(_backend.CachePrecision, _config.Attention.Cached).Length;
        var array = Own(_backend.Allocate<float>((long)rows * width));
        SyntheticCache.Fill(array, layer);
        return Activations.Dense(array, width);
    }

    private void AddExpandedAttention(int[] tokens)
    {
        var shape = _config.Attention.Expanded;
        const int positions = Workspace.ExpandedPositions;
        var most = tokens.Max();
        var (q, heads, state) = (
            Random(most, shape.Heads * shape.QueryHead), Random(most, shape.Heads * shape.Value), Random(most, shape.Heads * 2));
        var (keyValues, sharedKeys) = (Random(positions, shape.Row), Random(positions, shape.SharedKey));
        foreach (var count in tokens.Where(count => count > 1))
        {
            var tables = Tables(count, positions, positions + count);
            _operations.Add(new Operation(
                $"ExpandedAttention tile of {positions}", _attention.Format, count, 0,
                2.0 * count * positions * shape.Heads * (shape.QueryHead + shape.Value), _attention.Operands,
                () => _backend.ExpandedAttention(q, keyValues, sharedKeys, tables, shape, 0, positions, true, true, state, heads, count)));
        }
    }

    private void AddElements(int[] tokens)
    {
        var (hidden, intermediate) = (_config.HiddenSize, _config.IntermediateSize);
        var most = tokens.Max();
        var (x, y) = (Random(most, hidden), Random(most, hidden));
        var (gate, up, product) = (Random(most, intermediate), Random(most, intermediate), Random(most, intermediate));
        var weight = Random(1, hidden).Array;
        foreach (var count in tokens)
        {
            _operations.Add(new Operation(
                $"RmsNorm {hidden}", "F32", count, 0, 4.0 * hidden * count, Operands.Float32, () => _backend.RmsNorm(x, weight, 1e-6f, y, count)));
            _operations.Add(new Operation(
                $"SwiGlu {intermediate}", "F32", count, 0, 20.0 * intermediate * count, Operands.Float32, () => _backend.SwiGlu(gate, up, product, count)));
        }
    }

    private static Operands OperandsOf(WeightEncoding format)
        => format.IsPacked() ? Operands.Int8 : format is WeightEncoding.BF16 or WeightEncoding.F8E4M3 ? Operands.BFloat16 : Operands.Float32;

    private TokenTables Tables(int count, int firstPosition, int context)
    {
        var blocks = BlockPool.BlocksFor(context);
        return new TokenTables
        {
            Positions = Array([.. Enumerable.Range(firstPosition, count)]),
            Sequences = Array(new int[count]),
            BlockTables = Array([.. Enumerable.Range(0, blocks)]),
            BlockTableStride = blocks,
            BlockSize = BlockPool.BlockSize,
            MaxContext = context,
        };

        DeviceArray<int> Array(int[] values)
        {
            var array = Own(_backend.Allocate<int>(values.Length));
            array.Upload(values);
            return array;
        }
    }

    private Activations Random(int rows, int width)
    {
        var array = Own(_backend.Allocate<float>((long)rows * width));
        var random = new Random(width);
        var values = new float[width];
        for (var row = 0; row < rows; row++)
        {
            for (var i = 0; i < width; i++)
            {
                values[i] = random.NextSingle() - 0.5f;
            }

            array.Upload(values, (long)row * width);
        }

        return Activations.Dense(array, width);
    }

    private T Own<T>(T resource)
        where T : IDisposable
    {
        _owned.Add(resource);
        return resource;
    }
}
