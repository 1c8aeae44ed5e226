using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Testing.BackendSuite;

namespace DeepSeekEngine.OpenCL.Tests;

/// <summary>
/// Every operation on shapes small enough for an interpreter that watches each memory access. An operation returns all it has written.
/// </summary>
/// <param name="backend">What computes it, with a cache of float32.</param>
/// <param name="create">Makes such a backend with a cache of another precision.</param>
internal sealed class SmallKernels(IBackend backend, Func<CachePrecision, IBackend> create)
{
    private const int Tokens = 5;
    private const int BlockSize = 4;
    private const int Context = 70;

    private static readonly AttentionShape Grouped = BackendOperationTests.Grouped(3, 1, 6);

    private static readonly MlaShape Mla = new() { Heads = 2, Nope = 6, Rope = 4, Value = 5, Latent = 9, Scale = 0.3f };

    private readonly Random random = new(7);

    public static IReadOnlyDictionary<string, Func<SmallKernels, WeightEncoding, float[]>> Operations { get; } =
        new Dictionary<string, Func<SmallKernels, WeightEncoding, float[]>>
        {
            ["Embed"] = (kernels, encoding) => kernels.Embed(encoding),
            ["GatherRows"] = (kernels, _) => kernels.GatherRows(),
            ["RmsNorm"] = (kernels, _) => kernels.RmsNorm(),
            ["Linear"] = (kernels, encoding) => kernels.Linear(encoding),
            ["NormLinear"] = (kernels, encoding) => kernels.NormLinear(encoding),
            ["ProjectQueries"] = (kernels, encoding) => kernels.ProjectQueries(encoding),
            ["NormSwiGlu"] = (kernels, encoding) => kernels.NormSwiGlu(encoding),
            ["SwiGlu"] = (kernels, _) => kernels.SwiGlu(),
            ["Add"] = (kernels, _) => kernels.Add(),
            ["RotateQueries"] = (kernels, _) => kernels.RotateQueries(),
            ["AppendLatents"] = (kernels, _) => kernels.AppendLatents(),
            ["AppendKeyValues"] = (kernels, _) => kernels.AppendKeyValues(),
            ["AbsorbQueries"] = (kernels, encoding) => kernels.AbsorbQueries(encoding),
            ["CachedAttention"] = (kernels, _) => kernels.CachedAttention(),
            ["ProjectLatents"] = (kernels, encoding) => kernels.ProjectLatents(encoding),
            ["GatherCache"] = (kernels, _) => kernels.GatherCache(),
            ["StoreCache"] = (kernels, _) => kernels.StoreCache(),
            ["ExpandedAttention"] = (kernels, _) => kernels.ExpandedAttention(),
            ["SelectExperts"] = (kernels, _) => kernels.SelectExperts(),
            ["ArgMax"] = (kernels, _) => kernels.ArgMax(),
            ["TopLogits"] = (kernels, _) => kernels.TopLogits(),
            ["ExpertOrder"] = (kernels, _) => kernels.RoutedExperts(WeightEncoding.F32),
            ["RoutedExperts"] = (kernels, encoding) => kernels.RoutedExperts(encoding),
        };

    private float[] Embed(WeightEncoding encoding)
    {
        using Matrix table = Weights(encoding, 7, 21);
        using var tokens = Ints(0, 6, 3, 3, 1);
        using var y = Zeros(Tokens * 21);
        backend.Embed(tokens, table, Activations.Dense(y, 21), Tokens);
        return Read(y);
    }

    private float[] GatherRows()
    {
        using var x = Floats(8 * 11);
        using var rows = Ints(7, 0, 2);
        using var y = Zeros(3 * 11);
        backend.GatherRows(Activations.Dense(x, 11), rows, Activations.Dense(y, 11), 3);
        return Read(y);
    }

    private float[] RmsNorm()
    {
        using var x = Floats(Tokens * 70);
        using var weight = Floats(70);
        backend.RmsNorm(Activations.Dense(x, 70), weight, 1e-6f, Activations.Dense(x, 70), Tokens);
        return Read(x);
    }

    private float[] Linear(WeightEncoding encoding)
    {
        using Matrix weight = Weights(encoding, 6, 37);
        using var x = Floats(Tokens * 40);
        using var y = Zeros(Tokens * 6);
        using var sum = Floats(Tokens * 6);
        Activations rows = new(x, 2, 38, 37);
        backend.Linear(rows, weight, Activations.Dense(y, 6), Tokens);
        backend.LinearAdd(rows, weight, Activations.Dense(sum, 6), Tokens);
        return [.. Read(y), .. Read(sum)];
    }

    private float[] NormLinear(WeightEncoding encoding)
    {
        using Matrix w = Weights(encoding, 18, 21);
        using Matrix v = Weights(encoding, 5, 21);
        using var weight = Floats(21);
        using var x = Floats(Tokens * 21);
        using var normed = Zeros(Tokens * 21);
        using var y = Zeros(Tokens * 18);
        using var z = Zeros(Tokens * 5);
        backend.NormLinear(
            Activations.Dense(x, 21), new Norm(weight, 1e-6f), Activations.Dense(normed, 21), w, Activations.Dense(y, 18),
            v, Activations.Dense(z, 5), Tokens);
        return [.. Read(normed), .. Read(y), .. Read(z)];
    }

    private float[] ProjectQueries(WeightEncoding encoding)
    {
        using StepTables step = new(this);
        using Matrix w = Weights(encoding, 18, 20);
        using var weight = Floats(20);
        using var x = Floats(Tokens * 20);
        using var y = Zeros(Tokens * 18);
        using var kv = Floats(Tokens * Mla.CacheRow);
        using var latentWeight = Floats(Mla.Latent);
        using var rope = Floats(Context * Mla.Rope);
        using var cache = Zeros(step.CacheRows * Mla.CacheRow);
        LatentAppend append = new(
            Activations.Dense(kv, Mla.CacheRow), new Norm(latentWeight, 1e-6f), rope, step.Tables, Mla,
            Activations.Dense(cache, Mla.CacheRow));
        backend.ProjectQueries(Activations.Dense(x, 20), new Norm(weight, 1e-6f), w, Activations.Dense(y, 18), append, Tokens);
        return [.. Read(y), .. Read(cache)];
    }

    private float[] NormSwiGlu(WeightEncoding encoding)
    {
        using Matrix gate = Weights(encoding, 18, 20);
        using Matrix up = Weights(encoding, 18, 20);
        using Matrix down = Weights(encoding, 20, 18);
        using var weight = Floats(20);
        using var x = Floats(Tokens * 20);
        using var normed = Zeros(Tokens * 20);
        using var hidden = Zeros(Tokens * 18);
        using var ups = Zeros(Tokens * 18);
        backend.AddNormedSwiGlu(
            Activations.Dense(x, 20), new Norm(weight, 1e-6f), Activations.Dense(normed, 20), new SwiGluMatrices(gate, up, down),
            Activations.Dense(hidden, 18), Activations.Dense(ups, 18), Tokens);
        return [.. Read(hidden), .. Read(x)];
    }

    private float[] SwiGlu()
    {
        using var gate = Floats(Tokens * 9);
        using var up = Floats(Tokens * 9);
        backend.SwiGlu(Activations.Dense(gate, 9), Activations.Dense(up, 9), Activations.Dense(gate, 9), Tokens);
        return Read(gate);
    }

    private float[] Add()
    {
        using var x = Floats(Tokens * 9);
        using var y = Floats(Tokens * 9);
        backend.Add(Activations.Dense(x, 9), Activations.Dense(y, 9), Tokens);
        return Read(y);
    }

    private float[] RotateQueries()
    {
        using StepTables step = new(this);
        using var q = Floats(Tokens * Mla.Heads * Mla.QueryHead);
        using var rope = Floats(Context * Mla.Rope);
        backend.RotateQueries(Activations.Dense(q, Mla.Heads * Mla.QueryHead), rope, step.Tables, Mla, Tokens);
        return Read(q);
    }

    private float[] AppendLatents()
    {
        using StepTables step = new(this);
        using var kv = Floats(Tokens * Mla.CacheRow);
        using var weight = Floats(Mla.Latent);
        using var rope = Floats(Context * Mla.Rope);
        using var cache = Zeros(step.CacheRows * Mla.CacheRow);
        backend.AppendLatents(
            Activations.Dense(kv, Mla.CacheRow), weight, 1e-6f, rope, step.Tables, Mla, Activations.Dense(cache, Mla.CacheRow), Tokens);
        return Read(cache);
    }

    private float[] AbsorbQueries(WeightEncoding encoding)
    {
        using Matrix kvB = Weights(encoding, Mla.Heads * Mla.KeyValueHead, Mla.Latent);
        using var q = Floats(Tokens * Mla.Heads * Mla.QueryHead);
        using StepTables step = new(this);
        using var rope = Floats(Context * Mla.Rope);
        using var absorbed = Zeros(Tokens * Mla.Heads * Mla.CacheRow);
        using var rotated = Zeros(Tokens * Mla.Heads * Mla.CacheRow);
        Activations queries = Activations.Dense(q, Mla.Heads * Mla.QueryHead);
        backend.AbsorbQueries(queries, kvB, Mla, Activations.Dense(absorbed, Mla.Heads * Mla.CacheRow), Tokens);
        backend.AbsorbRotated(queries, rope, step.Tables, kvB, Mla, Activations.Dense(rotated, Mla.Heads * Mla.CacheRow), Tokens);
        return [.. Read(absorbed), .. Read(rotated)];
    }

    private float[] AppendKeyValues()
    {
        using StepTables step = new(this);
        using var q = Floats(Tokens * Grouped.Heads * Grouped.Key);
        using var k = Floats(Tokens * Grouped.Key);
        using var v = Floats(Tokens * Grouped.Value);
        using var vector = Floats(Grouped.Heads * Grouped.Key);
        using var rope = Floats(Context * Grouped.Key);
        using var cache = Zeros(step.CacheRows * Grouped.Row);
        backend.AppendKeyValues(
            Activations.Dense(q, Grouped.Heads * Grouped.Key), Activations.Dense(k, Grouped.Key), Activations.Dense(v, Grouped.Value),
            new(vector, vector, vector, vector, vector, 1e-6f), rope, step.Tables, Grouped, Activations.Dense(cache, Grouped.Row), Tokens);
        return [.. Read(q), .. Read(cache)];
    }

    private float[] CachedAttention()
    {
        using StepTables step = new(this);
        using var absorbed = Floats(Tokens * Mla.Heads * Mla.CacheRow);
        using var cache = Floats(step.CacheRows * Mla.CacheRow);
        using var context = Floats(Tokens * Mla.Heads * Mla.Latent);
        backend.CachedAttention(
            Activations.Dense(absorbed, Mla.Heads * Mla.CacheRow), Activations.Dense(cache, Mla.CacheRow), step.Tables,
            Mla.Absorbed, Activations.Dense(context, Mla.Heads * Mla.Latent), Tokens);
        using var grouped = Floats(step.CacheRows * Grouped.Row);
        using var heads = Floats(Tokens * Grouped.Heads * Grouped.Value);
        backend.CachedAttention(
            Activations.Dense(absorbed, Grouped.Heads * Grouped.Key), Activations.Dense(grouped, Grouped.Row), step.Tables, Grouped,
            Activations.Dense(heads, Grouped.Heads * Grouped.Value), Tokens);
        return [.. Read(context), .. Read(heads)];
    }

    private float[] ProjectLatents(WeightEncoding encoding)
    {
        using Matrix kvB = Weights(encoding, Mla.Heads * Mla.KeyValueHead, Mla.Latent);
        using var context = Floats(Tokens * Mla.Heads * Mla.Latent);
        using var heads = Zeros(Tokens * Mla.Heads * Mla.Value);
        backend.ProjectLatents(
            Activations.Dense(context, Mla.Heads * Mla.Latent), kvB, Mla, Activations.Dense(heads, Mla.Heads * Mla.Value), Tokens);
        return Read(heads);
    }

    private float[] GatherCache()
    {
        using StepTables step = new(this);
        using var cache = Floats(step.CacheRows * Mla.CacheRow);
        using var latents = Zeros(9 * Mla.CacheRow);
        backend.GatherCache(
            Activations.Dense(cache, Mla.CacheRow), step.Tables.From(2), Mla.Absorbed, 3, Activations.Dense(latents, Mla.CacheRow), 9);
        return Read(latents);
    }

    // Each precision with one kind of attention: it takes an interpreter long, and the other two are tested where there is time.
    private float[] StoreCache()
    {
        using IBackend halves = create(CachePrecision.BFloat16);
        using IBackend bytes = create(CachePrecision.Int8);
        return [.. new SmallKernels(halves, create).KeepKeyValues(), .. new SmallKernels(bytes, create).KeepLatents()];
    }

    private float[] KeepLatents()
    {
        using StepTables step = new(this);
        int row = new CacheLayout(backend.CachePrecision, Mla.Absorbed).Length;
        using var kv = Floats(Tokens * Mla.CacheRow);
        using var weight = Floats(Mla.Latent);
        using var rope = Floats(Context * Mla.Rope);
        using var cache = Zeros(step.CacheRows * row);
        using var latents = Zeros(9 * Mla.CacheRow);
        backend.AppendLatents(
            Activations.Dense(kv, Mla.CacheRow), weight, 1e-6f, rope, step.Tables, Mla, Activations.Dense(cache, row), Tokens);
        backend.GatherCache(
            Activations.Dense(cache, row), step.Tables.From(2), Mla.Absorbed, 3, Activations.Dense(latents, Mla.CacheRow), 9);
        return [.. Read(latents), .. Attend(step, cache, Mla.Absorbed)];
    }

    private float[] KeepKeyValues()
    {
        using StepTables step = new(this);
        int row = new CacheLayout(backend.CachePrecision, Grouped).Length;
        using var q = Floats(Tokens * Grouped.Heads * Grouped.Key);
        using var k = Floats(Tokens * Grouped.Key);
        using var v = Floats(Tokens * Grouped.Value);
        using var rope = Floats(Context * Grouped.Key);
        using var cache = Zeros(step.CacheRows * row);
        backend.AppendKeyValues(
            Activations.Dense(q, Grouped.Heads * Grouped.Key), Activations.Dense(k, Grouped.Key), Activations.Dense(v, Grouped.Value),
            default, rope, step.Tables, Grouped, Activations.Dense(cache, row), Tokens);
        return Attend(step, cache, Grouped);
    }

    private float[] Attend(StepTables step, DeviceArray<float> cache, AttentionShape shape)
    {
        using var queries = Floats(Tokens * shape.Heads * shape.Key);
        using var heads = Zeros(Tokens * shape.Heads * shape.Value);
        backend.CachedAttention(
            Activations.Dense(queries, shape.Heads * shape.Key), Activations.Dense(cache, new CacheLayout(backend.CachePrecision, shape).Length),
            step.Tables, shape, Activations.Dense(heads, shape.Heads * shape.Value), Tokens);
        return Read(heads);
    }

    private float[] ExpandedAttention()
    {
        const int Split = 66;
        using StepTables step = new(this);
        using var q = Floats(Tokens * Mla.Heads * Mla.QueryHead);
        using var keyValues = Floats(Context * Mla.Heads * Mla.KeyValueHead);
        using var latents = Floats(Context * Mla.CacheRow);
        using var state = Floats(Tokens * Mla.Heads * 2);
        using var heads = Floats(Tokens * Mla.Heads * Mla.Value);
        for (int start = 0; start < Context; start += Split)
        {
            backend.ExpandedAttention(
                Activations.Dense(q, Mla.Heads * Mla.QueryHead), Activations.Dense(keyValues, Mla.Heads * Mla.KeyValueHead).From(start),
                Activations.Dense(latents, Mla.CacheRow).From(start).Columns(Mla.Latent, Mla.Rope), step.Tables, Mla.Expanded, start,
                Math.Min(Split, Context - start), first: start == 0, last: start != 0,
                Activations.Dense(state, Mla.Heads * 2), Activations.Dense(heads, Mla.Heads * Mla.Value), Tokens);
        }

        return [.. Read(state), .. Read(heads)];
    }

    private float[] SelectExperts()
    {
        RouterShape v3 = new()
        {
            Experts = 12, ExpertsPerToken = 3, Groups = 4, GroupsKept = 2,
            Sigmoid = true, BiasCorrected = true, Normalize = true, Scale = 2.5f,
        };
        RouterShape v2 = v3 with { Sigmoid = false, BiasCorrected = false, Normalize = false, Scale = 1f };
        using var logits = Floats(Tokens * 12);
        using var bias = Floats(12);
        using var ids = backend.Allocate<int>(Tokens * 3);
        using var weights = Zeros(Tokens * 3);
        List<float> results = [];
        foreach (RouterShape shape in (RouterShape[])[v3, v2])
        {
            backend.SelectExperts(Activations.Dense(logits, 12), bias, shape, ids, Activations.Dense(weights, 3), Tokens);
            int[] chosen = new int[Tokens * 3];
            ids.Download(chosen);
            results.AddRange([.. chosen.Select(id => (float)id), .. Read(weights)]);
        }

        return [.. results];
    }

    private float[] ArgMax()
    {
        using var x = Floats(3 * 2100);
        using var columns = Ints(0, 0, 0);
        backend.ArgMax(Activations.Dense(x, 2100), columns, 3);
        int[] found = new int[3];
        columns.Download(found);
        return Array.ConvertAll(found, column => (float)column);
    }

    private float[] TopLogits()
    {
        // One part is full and one is not.
        using var x = Floats(1100);
        using var inverse = Floats(1);
        using var list = backend.Allocate<TopLogit>(TopLogit.ListLength);
        backend.TryListTop(Activations.Dense(x, 1100), inverse, list, 1);
        var found = new TopLogit[TopLogit.ListLength];
        list.Download(found);
        return [.. found.SelectMany(entry => new[] { entry.Logit, entry.Token })];
    }

    private float[] RoutedExperts(WeightEncoding encoding)
    {
        const int Hidden = 10, Intermediate = 6, Experts = 3, Shared = 18;
        using ExpertMatrices gate = ExpertWeights(encoding, Experts, Intermediate, Hidden);
        using ExpertMatrices up = ExpertWeights(encoding, Experts, Intermediate, Hidden);
        using ExpertMatrices down = ExpertWeights(encoding, Experts, Hidden, Intermediate);
        using var x = Floats(2 * Hidden);
        using var y = Floats(2 * Hidden);
        using var ids = Ints(2, 0, 1, 2);
        using var weights = Floats(2 * 2);
        using var hidden = Zeros(4 * Intermediate);
        backend.RoutedExperts(
            Activations.Dense(x, Hidden), ids, Activations.Dense(weights, 2), gate, up, down,
            Activations.Dense(hidden, Intermediate), Activations.Dense(y, Hidden), 2);
        float[] routed = [.. Read(hidden), .. Read(y)];

        using Matrix sharedGate = Weights(encoding, Shared, Hidden);
        using Matrix sharedUp = Weights(encoding, Shared, Hidden);
        using Matrix sharedDown = Weights(encoding, Hidden, Shared);
        using var sharedHidden = Zeros(2 * Shared);
        using var ups = Zeros(2 * Shared);
        backend.AddExperts(
            Activations.Dense(x, Hidden), ids, Activations.Dense(weights, 2), new ExpertSet(gate, up, down),
            Activations.Dense(hidden, Intermediate), new SwiGluMatrices(sharedGate, sharedUp, sharedDown),
            Activations.Dense(sharedHidden, Shared), Activations.Dense(ups, Shared), Activations.Dense(y, Hidden), 2);
        return [.. routed, .. Read(sharedHidden), .. Read(y)];
    }

    private DeviceArray<float> Floats(int length)
    {
        float[] values = [.. Enumerable.Range(0, length).Select(_ => (float)(random.NextDouble() * 2 - 1))];
        var array = backend.Allocate<float>(length);
        array.Upload(values);
        return array;
    }

    private DeviceArray<float> Zeros(int length) => backend.Allocate<float>(length);

    private DeviceArray<int> Ints(params int[] values)
    {
        var array = backend.Allocate<int>(values.Length);
        array.Upload(values);
        return array;
    }

    private static float[] Read(DeviceArray<float> array)
    {
        float[] values = new float[array.Length];
        array.Download(values);
        return values;
    }

    private Matrix Weights(WeightEncoding encoding, int rows, int columns)
    {
        Matrix? loaded = null;
        WithWeights(encoding, 1, rows, columns, matrices => loaded = backend.LoadMatrix(matrices[0]));
        return loaded!;
    }

    private ExpertMatrices ExpertWeights(WeightEncoding encoding, int experts, int rows, int columns)
    {
        ExpertMatrices? loaded = null;
        WithWeights(encoding, experts, rows, columns, matrices => loaded = backend.LoadExperts(matrices));
        return loaded!;
    }

    private void WithWeights(WeightEncoding encoding, int count, int rows, int columns, Action<WeightMatrix[]> use)
    {
        TestMatrix[] matrices =
            [.. Enumerable.Range(0, count).Select(_ => new TestMatrix(encoding, rows, columns, random, blockRows: 4, blockColumns: 16))];
        use(Array.ConvertAll(matrices, matrix => matrix.View));
        Array.ForEach(matrices, matrix => matrix.Dispose());
    }

    /// <summary>Two sequences of unlike lengths whose blocks lie scattered in the cache.</summary>
    private sealed class StepTables : IDisposable
    {
        private readonly DeviceArray<int> positions;
        private readonly DeviceArray<int> sequences;
        private readonly DeviceArray<int> blockTables;

        public StepTables(SmallKernels kernels)
        {
            const int Blocks = (Context + BlockSize - 1) / BlockSize;
            CacheRows = 2 * Blocks * BlockSize;
            positions = kernels.Ints(0, 5, 63, 64, Context - 1);
            sequences = kernels.Ints(0, 1, 0, 1, 0);
            int[] blocks = [.. Enumerable.Range(0, 2 * Blocks)];
            kernels.random.Shuffle(blocks);
            blockTables = kernels.Ints(blocks);
            Tables = new TokenTables
            {
                Positions = positions,
                Sequences = sequences,
                BlockTables = blockTables,
                BlockTableStride = Blocks,
                BlockSize = BlockSize,
                MaxContext = Context,
            };
        }

        public int CacheRows { get; }

        public TokenTables Tables { get; }

        public void Dispose()
        {
            positions.Dispose();
            sequences.Dispose();
            blockTables.Dispose();
        }
    }
}
