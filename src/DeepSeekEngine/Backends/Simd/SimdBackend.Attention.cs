using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;

namespace DeepSeekEngine.Backends.Simd;

/// <content>Attention: what multi-head latent and grouped-query attention need, and what both share.</content>
internal sealed unsafe partial class SimdBackend
{
    /// <summary>What the splits of the tokens attending at once take, unless those of one token take more.</summary>
    private const long SplitBytes = 16L << 20;

    /// <summary>Fewer heads than this leave lanes of the widest registers empty.</summary>
    private const int MinHeadGroup = 8;

    public void RotateQueries(Activations q, DeviceArray<float> rope, in TokenTables tokens, in MlaShape shape, int count)
    {
        SimdArguments.Check(shape);
        if (!Any(count))
        {
            return;
        }

        var job = new RotateQueriesJob
        {
            Q = SimdArguments.View(q, shape.Heads * shape.QueryHead, count),
            RopeTable = SimdArguments.RopeTable(rope, shape.Rope, out int positions),
            RopePositions = positions,
            Tokens = SimdArguments.View(tokens, count, cacheRows: 0),
            Shape = shape,
        };
        pool.For(ref job, count, RowGrain(q.Width));
    }

    public void AppendLatents(
        Activations kv, DeviceArray<float> normWeight, float epsilon, DeviceArray<float> rope,
        in TokenTables tokens, in MlaShape shape, Activations cache, int count)
    {
        SimdArguments.Check(shape);
        if (!Any(count))
        {
            return;
        }

        CacheRows rows = View(cache, shape.Absorbed, out long cacheRows);
        var job = new AppendLatentsJob
        {
            KeyValues = SimdArguments.View(kv, shape.CacheRow, count),
            NormWeight = SimdArguments.Elements(normWeight, shape.Latent),
            Epsilon = epsilon,
            RopeTable = SimdArguments.RopeTable(rope, shape.Rope, out int positions),
            RopePositions = positions,
            Tokens = SimdArguments.View(tokens, count, cacheRows),
            Shape = shape,
            Cache = rows,
            Scratch = Scratch(AppendLatentsJob.ScratchBytes(shape)),
        };
        pool.For(ref job, count, RowGrain(kv.Width));
    }

    public void AbsorbQueries(Activations q, Matrix kvB, in MlaShape shape, Activations absorbed, int count)
    {
        SimdArguments.Check(shape);
        if (!Any(count))
        {
            return;
        }

        var job = new AbsorbQueriesJob
        {
            Q = SimdArguments.View(q, shape.Heads * shape.QueryHead, count),
            KvB = SimdArguments.View(kvB, shape.Heads * shape.KeyValueHead, shape.Latent),
            Shape = shape,
            Absorbed = SimdArguments.View(absorbed, shape.Heads * shape.CacheRow, count),
            Count = count,
            Scratch = Scratch(AbsorbQueriesJob.ScratchBytes),
        };
        pool.For(ref job, job.Tasks);
    }

    public void AppendKeyValues(
        Activations q, Activations k, Activations v, in HeadTransforms transforms, DeviceArray<float> rope, in TokenTables tokens,
        in AttentionShape shape, Activations cache, int count)
    {
        shape.Check(mayShareKeys: false);
        if (!Any(count))
        {
            return;
        }

        CacheRows rows = View(cache, shape, out long cacheRows);
        int keys = shape.KeyValueHeads * shape.Key, values = shape.KeyValueHeads * shape.Value;
        var job = new AppendKeyValuesJob
        {
            Q = SimdArguments.View(q, shape.Heads * shape.Key, count),
            K = SimdArguments.View(k, keys, count),
            V = SimdArguments.View(v, values, count),
            QueryBias = SimdArguments.OptionalElements(transforms.QueryBias, shape.Heads * shape.Key),
            KeyBias = SimdArguments.OptionalElements(transforms.KeyBias, keys),
            ValueBias = SimdArguments.OptionalElements(transforms.ValueBias, values),
            QueryNorm = SimdArguments.OptionalElements(transforms.QueryNorm, shape.Key),
            KeyNorm = SimdArguments.OptionalElements(transforms.KeyNorm, shape.Key),
            Epsilon = transforms.Epsilon,
            RopeTable = SimdArguments.RopeTable(rope, shape.Key, out int positions),
            RopePositions = positions,
            Tokens = SimdArguments.View(tokens, count, cacheRows),
            Shape = shape,
            Cache = rows,
        };
        pool.For(ref job, count, RowGrain(shape.Heads * shape.Key));
    }

    public void CachedAttention(
        Activations queries, Activations cache, in TokenTables tokens, in AttentionShape shape, Activations context, int count)
    {
        shape.Check(mayShareKeys: false);
        if (!Any(count))
        {
            return;
        }

        Rows heads = SimdArguments.View(queries, shape.Heads * shape.Key, count);
        CacheRows rows = View(cache, shape, out long cacheRows);
        Rows contexts = SimdArguments.View(context, shape.Heads * shape.Value, count);
        WorkerScratch workspace = Scratch(CachedAttentionJob.ScratchBytes(rows.Layout));

        // As many tokens at once as their splits' results have room for; a token's result does not depend on it.
        for (int first = 0, group; first < count; first += group)
        {
            TokenView view = SimdArguments.View(tokens.From(first), count - first, cacheRows);
            group = 0;
            int divided = 0;
            while (group < count - first)
            {
                int more = AttentionSplits.CountAt(view.Position(group));
                if (group > 0 && AttentionSplits.ByteLength(shape, group + 1, divided + more) > SplitBytes)
                {
                    break;
                }

                divided += more;
                group++;
            }

            Reserve(splits, AttentionSplits.ByteLength(shape, group, divided));
            AttendCached(
                new AttentionSplits(splits.Pointer, view, shape, group), group, view, shape, rows, workspace,
                new Rows(heads[first], heads.Stride, heads.Width), new Rows(contexts[first], contexts.Stride, contexts.Width));
        }
    }

    public void ProjectLatents(Activations context, Matrix kvB, in MlaShape shape, Activations heads, int count)
    {
        SimdArguments.Check(shape);
        if (!Any(count))
        {
            return;
        }

        WeightMatrix matrix = SimdArguments.View(kvB, shape.Heads * shape.KeyValueHead, shape.Latent);
        Rows contexts = SimdArguments.View(context, shape.Heads * shape.Latent, count);
        var job = new LinearJob
        {
            Matrix = matrix,
            X = contexts,
            Packed = matrix.IsPacked ? Quantize(contexts, count, shape.Heads, shape.Latent) : default,
            Y = SimdArguments.View(heads, shape.Heads * shape.Value, count),
            Count = count,
            Scratch = Scratch(LinearJob.ScratchBytes),
            Parts = shape.Heads,
            FirstRow = shape.Nope,
            RowStep = shape.KeyValueHead,
            RowsPerPart = shape.Value,
            XStep = shape.Latent,
            YStep = shape.Value,
        };
        pool.For(ref job, job.Tasks);
    }

    public void GatherCache(Activations cache, in TokenTables tokens, in AttentionShape shape, int start, Activations y, int count)
    {
        shape.Check(mayShareKeys: false);
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, int.MaxValue - Math.Max(0, count));
        if (!Any(count))
        {
            return;
        }

        CacheRows rows = View(cache, shape, out long cacheRows);
        var job = new GatherCacheJob
        {
            Cache = rows,
            Tokens = SimdArguments.View(tokens, 1, cacheRows),
            First = start,
            Y = SimdArguments.View(y, shape.Row, count),
        };
        pool.For(ref job, count, RowGrain(shape.Row));
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

        var job = new ExpandedAttentionJob
        {
            Q = SimdArguments.View(q, shape.Heads * shape.QueryHead, count),
            KeyValues = SimdArguments.View(keyValues, shape.Row, contextCount),
            SharedKeys = shape.SharedKey > 0 ? SimdArguments.View(sharedKeys, shape.SharedKey, contextCount) : default,
            Tokens = SimdArguments.View(tokens, count, cacheRows: 0),
            Shape = shape,
            ContextStart = contextStart,
            ContextCount = contextCount,
            First = first,
            Last = last,
            State = SimdArguments.View(state, shape.Heads * 2, count),
            Heads = SimdArguments.View(heads, shape.Heads * shape.Value, count),
            Count = count,
            Scratch = Scratch(ExpandedAttentionJob.ScratchBytes(shape)),
            BFloat16 = attention,
        };
        pool.For(ref job, job.Tasks);
    }

    private CacheRows View(in Activations cache, in AttentionShape shape, out long available)
    {
        var layout = new CacheLayout(CachePrecision, shape);
        return new CacheRows(SimdArguments.View(cache, layout.Length, out available), layout);
    }

    private void AttendCached(
        in AttentionSplits divided, int count, in TokenView view, in AttentionShape shape, CacheRows cache, WorkerScratch workspace,
        Rows queries, Rows contexts)
    {
        // More heads a task read the cache less often, as long as every worker has several to choose from; fewer than lie side by side are
        // no less work to score, and only for workers that would have none.
        int headGroup = CachedAttentionJob.MaxHeadGroup;
        int full = RoundsAttention ? BFloat16AttentionBlock.Queries : MinHeadGroup;
        while (headGroup > MinHeadGroup
            && (long)divided.Total * CachedAttentionJob.GroupsPerSplit(shape, headGroup) < (headGroup > full ? 4 : 2) * pool.Workers)
        {
            headGroup /= 2;
        }

        var job = new CachedAttentionJob
        {
            Queries = queries,
            Cache = cache,
            Tokens = view,
            Shape = shape,
            Context = contexts,
            Splits = divided,
            HeadGroup = headGroup,
            Scratch = workspace,
            BFloat16 = attention,
        };
        pool.For(ref job, job.Tasks);
        if (divided.Total > count)
        {
            var join = new JoinSplitsJob { Splits = divided, Shape = shape, Context = contexts };
            pool.For(ref join, checked(count * shape.Heads));
        }
    }
}
