using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Testing.BackendSuite;

namespace DeepSeekEngine.Tests.Kernels.Cpu;

/// <summary>Every operation once, on the same random data each time it is made, for tests of what is true of all of them.</summary>
internal sealed class DecoderStep : IDisposable
{
    public const int Chosen = 3;
    private const int ExpertCount = 6;
    private const int Hidden = 96;
    private const int Inner = 40;
    private const int Positions = 60;

    private static readonly AttentionShape Grouped = BackendOperationTests.Grouped(5, 1, 24);

    private static readonly MlaShape Shape = new() { Heads = 5, Nope = 16, Rope = 8, Value = 16, Latent = 64, Scale = 0.3f };

    private readonly List<IDisposable> owned = [];
    private readonly Random random = new(11);
    private readonly int count;
    private readonly Matrix projection;
    private readonly Matrix kvB;
    private readonly ExpertMatrices gate;
    private readonly ExpertMatrices up;
    private readonly ExpertMatrices down;
    private readonly Activations x;
    private readonly Activations y;
    private readonly Activations q;
    private readonly Activations kv;
    private readonly Activations cache;
    private readonly Activations groupedKeys;
    private readonly Activations groupedValues;
    private readonly Activations groupedCache;
    private readonly Activations absorbed;
    private readonly Activations context;
    private readonly Activations heads;
    private readonly Activations keyValues;
    private readonly Activations latents;
    private readonly Activations state;
    private readonly Activations logits;
    private readonly Activations weights;
    private readonly Activations hidden;
    private readonly DeviceArray<float> norm;
    private readonly DeviceArray<float> rope;
    private readonly DeviceArray<float> groupedRope;
    private readonly DeviceArray<float> bias;
    private readonly DeviceArray<int> ids;
    private readonly DeviceArray<int> rows;

    public DecoderStep(int threads, int count)
    {
        this.count = count;
        Backend = Own(new SimdBackend(threads));
        // No two tokens have one row of the cache, which they would write at the same time.
        (int, int)[] tokens = [.. Enumerable.Range(0, count).Select(i => (i % 2, i % 2 == 0 ? 5 + i : Positions - 1 - i))];
        Tables = Own(new TestStep(Backend, random, [5 + count, Positions], tokens));
        projection = Load(WeightEncoding.F8E4M3, Hidden, Hidden);
        kvB = Load(WeightEncoding.BF16, Shape.Heads * Shape.KeyValueHead, Shape.Latent);
        gate = LoadExperts(Inner, Hidden);
        up = LoadExperts(Inner, Hidden);
        down = LoadExperts(Hidden, Inner);
        x = Rows(count, Hidden);
        y = Rows(count, Hidden);
        q = Rows(count, Shape.Heads * Shape.QueryHead);
        kv = Rows(count, Shape.CacheRow);
        cache = Rows(Tables.CacheRows, Shape.CacheRow);
        groupedKeys = Rows(count, Grouped.Key);
        groupedValues = Rows(count, Grouped.Value);
        groupedCache = Rows(Tables.CacheRows, Grouped.Row);
        absorbed = Rows(count, Shape.Heads * Shape.CacheRow);
        context = Rows(count, Shape.Heads * Shape.Latent);
        heads = Rows(count, Shape.Heads * Shape.Value);
        keyValues = Rows(Positions, Shape.Heads * Shape.KeyValueHead);
        latents = Rows(Positions, Shape.CacheRow);
        state = Rows(count, Shape.Heads * 2);
        logits = Rows(count, ExpertCount);
        weights = Rows(count, Chosen);
        hidden = Rows(count * Chosen, Inner);
        norm = Rows(1, Hidden).Array;
        rope = Rows(Positions, Shape.Rope).Array;
        groupedRope = Rows(Positions, Grouped.Key).Array;
        bias = Rows(1, ExpertCount).Array;
        ids = Own(Backend.Allocate<int>(count * Chosen));
        rows = Own(Backend.Allocate<int>(count));
        rows.Upload([.. Enumerable.Range(0, count).Reverse()]);
    }

    public SimdBackend Backend { get; }

    public TestStep Tables { get; }

    /// <summary>All operations, in an order in which each one's inputs are there.</summary>
    public (string Name, Action Run)[] Operations =>
    [
        (nameof(IBackend.Embed), () => Backend.Embed(rows, projection, x, count)),
        (nameof(IBackend.GatherRows), () => Backend.GatherRows(x, rows, y, count)),
        (nameof(IBackend.RmsNorm), () => Backend.RmsNorm(x, norm, 1e-6f, x, count)),
        (nameof(IBackend.Linear), () => Backend.Linear(x, projection, y, count)),
        (nameof(IBackend.LinearAdd), () => Backend.LinearAdd(x, projection, y, count)),
        (nameof(IBackend.SwiGlu), () => Backend.SwiGlu(x, y, y, count)),
        (nameof(IBackend.Add), () => Backend.Add(x, y, count)),
        (nameof(IBackend.RotateQueries), Rotate),
        (nameof(IBackend.AppendLatents), Append),
        (nameof(IBackend.AppendKeyValues), Complete),
        (nameof(IBackend.AbsorbQueries), () => Backend.AbsorbQueries(q, kvB, Shape, absorbed, count)),
        (nameof(IBackend.CachedAttention), Attend),
        (nameof(IBackend.ProjectLatents), () => Backend.ProjectLatents(context, kvB, Shape, heads, count)),
        (nameof(IBackend.GatherCache), Gather),
        (nameof(IBackend.ExpandedAttention), Expand),
        (nameof(IBackend.SelectExperts), () => Backend.SelectExperts(logits, bias, Router, ids, weights, count)),
        (nameof(IBackend.RoutedExperts), () => Experts(ids)),
    ];

    /// <summary>The bits of everything an operation writes.</summary>
    public int[] Results =>
    [
        .. ((Activations[])[x, y, q, cache, groupedCache, absorbed, context, latents, state, heads, weights])
            .SelectMany(a => BackendOperationTests.Download(a.Array)).Select(BitConverter.SingleToInt32Bits),
        .. BackendOperationTests.Download(ids),
    ];

    private static RouterShape Router => new()
    {
        Experts = ExpertCount, ExpertsPerToken = Chosen, Groups = 3, GroupsKept = 2, Sigmoid = true, BiasCorrected = true, Normalize = true,
        Scale = 2.5f,
    };

    public void RunAll()
    {
        foreach ((_, Action run) in Operations)
        {
            run();
        }
    }

    public void Rotate() => Backend.RotateQueries(q, rope, Tables.View, Shape, count);

    public void Append() => Backend.AppendLatents(kv, norm, 1e-6f, rope, Tables.View, Shape, cache, count);

    // A head's queries are as wide as those of latent attention, and what is normalised with is long enough.
    public void Complete() => Backend.AppendKeyValues(
        q, groupedKeys, groupedValues, new(null, norm, norm, norm, norm, 1e-6f), groupedRope, Tables.View, Grouped, groupedCache, count);

    public void Attend() => Backend.CachedAttention(absorbed, cache, Tables.View, Shape.Absorbed, context, count);

    public void Gather() => Backend.GatherCache(cache, Tables.View, Shape.Absorbed, 1, latents, 5);

    public void Expand()
    {
        Activations sharedKeys = latents.Columns(Shape.Latent, Shape.Rope);
        Backend.ExpandedAttention(q, keyValues, sharedKeys, Tables.View, Shape.Expanded, 0, 5, true, false, state, heads, count);
        Backend.ExpandedAttention(
            q, keyValues, sharedKeys, Tables.View, Shape.Expanded, 5, Positions - 5, false, true, state, heads, count);
    }

    public void Experts(DeviceArray<int> chosen) => Backend.RoutedExperts(x, chosen, weights, gate, up, down, hidden, y, count);

    public void Dispose()
    {
        owned.Reverse();
        owned.ForEach(o => o.Dispose());
    }

    private T Own<T>(T disposable)
        where T : IDisposable
    {
        owned.Add(disposable);
        return disposable;
    }

    private Activations Rows(int rowCount, int width)
    {
        DeviceArray<float> array = Own(Backend.Allocate<float>(rowCount * width));
        array.Upload([.. Enumerable.Range(0, rowCount * width).Select(_ => random.NextSingle() * 2 - 1)]);
        return Activations.Dense(array, width);
    }

    private Matrix Load(WeightEncoding encoding, int rowCount, int columns)
        => Own(Backend.LoadMatrix(Own(new TestMatrix(encoding, rowCount, columns, random)).View));

    private ExpertMatrices LoadExperts(int rowCount, int columns)
        => Own(Backend.LoadExperts(
            [.. Enumerable.Range(0, ExpertCount).Select(_ => Own(new TestMatrix(WeightEncoding.F8E4M3, rowCount, columns, random)).View)]));
}
