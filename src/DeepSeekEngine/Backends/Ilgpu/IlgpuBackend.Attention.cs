using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Gpu;
using ILGPU;
using ILGPU.Runtime;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <content>Attention: what multi-head latent and grouped-query attention need, and what both share.</content>
internal sealed partial class IlgpuBackend
{
    /// <summary>Memory, in quads, for what the splits of several tokens leave; one token alone may need more.</summary>
    private const long PartQuads = 1 << 20;

    private readonly LoadedKernel<RotateQueries.Parameters> rotateQueries;
    private readonly LoadedKernel<AppendLatents.Parameters> appendLatents;
    private readonly LoadedKernel<AppendKeyValues.Parameters> appendKeyValues;
    private readonly LoadedKernel<StoreCache.Parameters> storeCache;
    private readonly LoadedKernel<AbsorbQueries.Parameters>[] absorbQueries;
    private readonly LoadedKernel<CachedAttention.Parameters> cachedAttention;
    private readonly LoadedKernel<CachedAttention.JoinParameters> joinSplits;
    private readonly LoadedKernel<ProjectLatents.Parameters>[] projectLatents;
    private readonly LoadedKernel<GatherCache.Parameters> gatherCache;
    private readonly LoadedKernel<ExpandedAttention.Parameters> expandedAttention;
    private readonly StepBuffer<float> stagedRows;
    private MemoryBuffer1D<Float4, Stride1D.Dense>? parts;

    public void RotateQueries(Activations q, DeviceArray<float> rope, in TokenTables tokens, in MlaShape shape, int count)
    {
        if (!Any(count))
        {
            return;
        }

        rotateQueries.LaunchElements(shape.Heads * (shape.Rope / 2), count, 1, new()
        {
            Q = Rows(q, count, shape.Heads * shape.QueryHead),
            Rope = RopeTable(rope, tokens, shape.Rope),
            Tokens = View(tokens, count),
            Sizes = MlaSizes.From(shape),
        });
    }

    public void AppendLatents(
        Activations kv, DeviceArray<float> normWeight, float epsilon, DeviceArray<float> rope,
        in TokenTables tokens, in MlaShape shape, Activations cache, int count)
    {
        if (!Any(count))
        {
            return;
        }

        LatentAppend append = new(kv, new Norm(normWeight, epsilon), rope, tokens, shape, cache);
        appendLatents.Launch(count, 1, 1, View(append, count));
        Store(append, count);
    }

    public void AbsorbQueries(Activations q, Matrix kvB, in MlaShape shape, Activations absorbed, int count)
    {
        if (Any(count))
        {
            AbsorbQueries(q, kvB, shape, absorbed, count, 0, View(q.Array, 0), default);
        }
    }

    private void AbsorbQueries(
        in Activations q, Matrix kvB, in MlaShape shape, in Activations absorbed, int count,
        int rotate, ArrayView<float> rope, TokenView tokens)
    {
        absorbQueries[(int)kvB.Encoding].LaunchElements(shape.CacheRow, count, shape.Heads, new()
        {
            Q = Rows(q, count, shape.Heads * shape.QueryHead),
            KvB = View(kvB, shape.Heads * shape.KeyValueHead, shape.Latent),
            Absorbed = Rows(absorbed, count, shape.Heads * shape.CacheRow),
            Sizes = MlaSizes.From(shape),
            Rope = rope,
            Tokens = tokens,
            Rotate = rotate,
        });
    }

    private AppendLatents.Parameters View(in LatentAppend append, int count)
    {
        MlaShape shape = append.Shape;
        RowView keyValues = Rows(append.KeyValues, count, shape.CacheRow);
        return new()
        {
            Kv = keyValues,
            NormWeight = View(append.Norm.Weight, shape.Latent),
            Epsilon = append.Norm.Epsilon,
            Rope = RopeTable(append.Rope, append.Tokens, shape.Rope),
            Tokens = View(append.Tokens, count),
            Cache = AppendedRows(append.Cache, shape.Absorbed, count),
            LatentWidth = shape.Latent,
            RopeWidth = shape.Rope,
            AlignedKv = keyValues.IsAligned(shape.Latent) ? 1 : 0,
            Staged = StagesRows ? 1 : 0,
        };
    }

    private void Store(in LatentAppend append, int count) => Store(append.Cache, append.Shape.Absorbed, append.Tokens, count);

    public void AppendKeyValues(
        Activations q, Activations k, Activations v, in HeadTransforms transforms, DeviceArray<float> rope, in TokenTables tokens,
        in AttentionShape shape, Activations cache, int count)
    {
        shape.Check(mayShareKeys: false);
        if (!Any(count))
        {
            return;
        }

        int keys = shape.KeyValueHeads * shape.Key, values = shape.KeyValueHeads * shape.Value;
        RowView queries = Rows(q, count, shape.Heads * shape.Key);
        (int head, float epsilon) = (shape.Key, transforms.Epsilon);
        appendKeyValues.Launch(shape.Heads + 2 * shape.KeyValueHeads, count, 1, new()
        {
            Q = queries,
            K = Rows(k, count, keys),
            V = Rows(v, count, values),
            QueryHeads = Heads(transforms.QueryBias, shape.Heads * shape.Key, transforms.QueryNorm),
            KeyHeads = Heads(transforms.KeyBias, keys, transforms.KeyNorm),
            ValueHeads = Heads(transforms.ValueBias, values, null),
            Rope = RopeTable(rope, tokens, shape.Key),
            Tokens = View(tokens, count),
            Cache = AppendedRows(cache, shape, count),
            Sizes = AttentionSizes.From(shape),
            Staged = StagesRows ? 1 : 0,
        });
        Store(cache, shape, tokens, count);

        HeadView Heads(DeviceArray<float>? bias, int width, DeviceArray<float>? norm) => new()
        {
            Bias = bias is null ? queries.Data : View(bias, width),
            HasBias = bias is null ? 0 : 1,
            Norm = norm is null ? queries.Data : View(norm, head),
            HasNorm = norm is null ? 0 : 1,
            Epsilon = epsilon,
        };
    }

    public void CachedAttention(
        Activations queries, Activations cache, in TokenTables tokens, in AttentionShape shape, Activations context, int count)
    {
        shape.Check(mayShareKeys: false);
        if (!Any(count))
        {
            return;
        }

        int widest = Kernels.Gpu.CachedAttention.MaxRow;
        if (Kernels.Gpu.CachedAttention.RowQuads(shape) > Quads.Count(widest))
        {
            throw new ArgumentException(
                $"Cache rows of {shape.RowHead} values a head are wider than the {widest} there is shared memory for.", nameof(shape));
        }

        RowView heads = Rows(queries, count, shape.Heads * shape.Key);
        CacheView rows = CacheRows(cache, shape);
        RowView contexts = Rows(context, count, shape.Heads * shape.Value);
        TokenView view = View(tokens, count);
        AttentionSizes sizes = AttentionSizes.From(shape);
        int headTiles = Kernels.Gpu.CachedAttention.HeadTiles(shape);
        int most = AttentionSplits.Most(headTiles);
        int splits = AttentionSplits.Count(tokens.MaxContext - 1, most);
        int shift = catalog.AttentionShift;
        long split = shape.Heads * (1L + Quads.Count(shape.Value));
        ArrayView<Float4> results = Parts(most * split);

        // As many tokens at once as there is room for; a token's result does not depend on it.
        int together = (int)Math.Clamp(results.Length / (splits * split), 1, count);
        for (int first = 0; first < count; first += together)
        {
            int group = Math.Min(together, count - first);
            cachedAttention.Launch(
                headTiles * Kernels.Gpu.CachedAttention.ColumnTiles(shape.Value, shift), group, splits, new()
                {
                    Queries = heads.From(first),
                    Cache = rows,
                    Tokens = view.From(first),
                    Parts = results,
                    Sizes = sizes,
                    Splits = splits,
                    MostSplits = most,
                    AlignedQueries = heads.IsAligned(shape.Key) ? 1 : 0,
                    AlignedCache = rows.IsAligned(shape) ? 1 : 0,
                });
            joinSplits.Launch(shape.Heads, group, Kernels.Gpu.CachedAttention.JoinTiles(shape.Value, shift), new()
            {
                Parts = results,
                Tokens = view.From(first),
                Context = contexts.From(first),
                Sizes = sizes,
                Splits = splits,
                MostSplits = most,
                AlignedContext = contexts.IsAligned(shape.Value) ? 1 : 0,
            });
        }
    }

    public void ProjectLatents(Activations context, Matrix kvB, in MlaShape shape, Activations heads, int count)
    {
        if (!Any(count))
        {
            return;
        }

        projectLatents[(int)kvB.Encoding].Launch(shape.Value, TokenTiles(count), shape.Heads, new()
        {
            Context = Rows(context, count, shape.Heads * shape.Latent),
            KvB = View(kvB, shape.Heads * shape.KeyValueHead, shape.Latent),
            Heads = Rows(heads, count, shape.Heads * shape.Value),
            Sizes = MlaSizes.From(shape),
            Tokens = count,
        });
    }

    public void GatherCache(Activations cache, in TokenTables tokens, in AttentionShape shape, int start, Activations y, int count)
    {
        shape.Check(mayShareKeys: false);
        if (!Any(count))
        {
            return;
        }

        if (start < 0 || ((long)start + count - 1) / tokens.BlockSize >= tokens.BlockTableStride)
        {
            throw new ArgumentException($"Positions {start} to {(long)start + count} are not in the block table.", nameof(start));
        }

        gatherCache.LaunchElements(shape.Row, count, 1, new()
        {
            Cache = CacheRows(cache, shape),
            Tokens = View(tokens, 1),
            Start = start,
            Y = Rows(y, count, shape.Row),
            Width = shape.Row,
        });
    }

    public void ExpandedAttention(
        Activations q, Activations keyValues, Activations sharedKeys, in TokenTables tokens, in AttentionShape shape,
        int contextStart, int contextCount, bool first, bool last, Activations state, Activations heads, int count)
    {
        shape.Check(mayShareKeys: true);
        ArgumentOutOfRangeException.ThrowIfNegative(contextStart);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(contextCount);
        if (!Any(count))
        {
            return;
        }

        if (shape.QueryHead > Kernels.Gpu.ExpandedAttention.MaxKey)
        {
            throw new ArgumentException(
                $"Keys of {shape.QueryHead} values are wider than the {Kernels.Gpu.ExpandedAttention.MaxKey} there is shared memory for.",
                nameof(shape));
        }

        RowView queries = Rows(q, count, shape.Heads * shape.QueryHead);
        RowView tileKeyValues = Rows(keyValues, contextCount, shape.Row);
        RowView tileSharedKeys = shape.SharedKey > 0 ? Rows(sharedKeys, contextCount, shape.SharedKey) : tileKeyValues;
        RowView output = Rows(heads, count, shape.Heads * shape.Value);
        bool aligned = tileKeyValues.IsAligned(shape.Key) && tileKeyValues.IsAligned(shape.RowHead)
            && tileKeyValues.IsAligned(shape.ValueOffset) && tileSharedKeys.IsAligned(shape.SharedKey);
        expandedAttention.Launch(shape.Heads, Kernels.Gpu.ExpandedAttention.TokenTiles(count), 1, new()
        {
            Q = queries,
            KeyValues = tileKeyValues,
            SharedKeys = tileSharedKeys,
            Tokens = View(tokens, count),
            State = Rows(state, count, shape.Heads * 2),
            Heads = output,
            Sizes = AttentionSizes.From(shape),
            Count = count,
            ContextStart = contextStart,
            ContextCount = contextCount,
            First = first ? 1 : 0,
            Last = last ? 1 : 0,
            AlignedQueries = queries.IsAligned(shape.QueryHead) ? 1 : 0,
            AlignedKeyValues = aligned ? 1 : 0,
            AlignedHeads = output.IsAligned(shape.Value) ? 1 : 0,
        });
    }

    /// <summary>Whether what is appended to a cache is brought together in float32 first, and rounded when it is whole.</summary>
    private bool StagesRows => CachePrecision != CachePrecision.Float32;

    /// <summary>Where kernels put the rows that tokens leave: in the cache or, if they are to be rounded, in memory of theirs.</summary>
    private RowView AppendedRows(in Activations cache, in AttentionShape shape, int count) => StagesRows
        ? new() { Data = stagedRows.Get((long)count * shape.Row), Offset = 0, Stride = shape.Row }
        : CacheRows(cache, shape).Rows;

    /// <summary>Takes the rows to the cache that are not there yet.</summary>
    private void Store(in Activations cache, in AttentionShape shape, in TokenTables tokens, int count)
    {
        if (StagesRows)
        {
            storeCache.Launch(shape.KeyValueHeads, count, 1, new()
            {
                Rows = AppendedRows(cache, shape, count),
                Tokens = View(tokens, count),
                Cache = CacheRows(cache, shape),
                Sizes = AttentionSizes.From(shape),
            });
        }
    }

    private CacheView CacheRows(in Activations cache, in AttentionShape shape)
    {
        var layout = new CacheLayout(CachePrecision, shape);
        return CacheView.From(layout, Rows(cache, 1, layout.Length));
    }

    /// <summary>
    /// Memory for what splits leave, enough for one token and, unless that is much or memory is short, several. It is as large as it will
    /// be when it is first used, so that its address does not change afterwards.
    /// </summary>
    private ArrayView<Float4> Parts(long quadsOfToken)
    {
        if (parts is { } enough && enough.Length >= quadsOfToken)
        {
            return enough.View.BaseView;
        }

        bool roomy = AvailableBytes / Interop.SizeOf<Float4>() >= PartQuads;
        return Room(ref parts, roomy ? Math.Max(PartQuads, quadsOfToken) : quadsOfToken);
    }
}
