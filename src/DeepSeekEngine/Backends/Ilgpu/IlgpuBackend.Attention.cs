using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Gpu;
using ILGPU;
using ILGPU.Runtime;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <content>Multi-head latent attention.</content>
internal sealed partial class IlgpuBackend
{
    /// <summary>Memory, in quads, for what the splits of several tokens leave; one token alone may need more.</summary>
    private const long PartQuads = 1 << 20;

    private readonly LoadedKernel<RotateQueries.Parameters> rotateQueries;
    private readonly LoadedKernel<AppendLatents.Parameters> appendLatents;
    private readonly LoadedKernel<AbsorbQueries.Parameters>[] absorbQueries;
    private readonly LoadedKernel<LatentAttention.Parameters> latentAttention;
    private readonly LoadedKernel<LatentAttention.JoinParameters> joinLatents;
    private readonly LoadedKernel<ProjectLatents.Parameters>[] projectLatents;
    private readonly LoadedKernel<GatherLatents.Parameters> gatherLatents;
    private readonly LoadedKernel<ExpandedAttention.Parameters> expandedAttention;
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
            Rope = RopeTable(rope, tokens, shape),
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

        appendLatents.Launch(
            count, 1, 1, View(new LatentAppend(kv, new Norm(normWeight, epsilon), rope, tokens, shape, cache), count));
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
            Rope = RopeTable(append.Rope, append.Tokens, shape),
            Tokens = View(append.Tokens, count),
            Cache = Rows(append.Cache, 1, shape.CacheRow),
            LatentWidth = shape.Latent,
            RopeWidth = shape.Rope,
            AlignedKv = keyValues.IsAligned(shape.Latent) ? 1 : 0,
        };
    }

    public void LatentAttention(
        Activations absorbed, Activations cache, in TokenTables tokens, in MlaShape shape, Activations context, int count)
    {
        if (!Any(count))
        {
            return;
        }

        if (shape.CacheRow > Kernels.Gpu.LatentAttention.MaxCacheRow)
        {
            throw new ArgumentException(
                $"Cache rows of {shape.CacheRow} values are wider than the {Kernels.Gpu.LatentAttention.MaxCacheRow} there is shared memory for.",
                nameof(shape));
        }

        RowView queries = Rows(absorbed, count, shape.Heads * shape.CacheRow);
        RowView rows = Rows(cache, 1, shape.CacheRow);
        RowView contexts = Rows(context, count, shape.Heads * shape.Latent);
        TokenView view = View(tokens, count);
        MlaSizes sizes = MlaSizes.From(shape);
        int most = LatentSplits.Most(shape.Heads);
        int splits = LatentSplits.Count(tokens.MaxContext - 1, most);
        int shift = catalog.AttentionShift;
        long split = shape.Heads * (1L + Quads.Count(shape.Latent));
        ArrayView<Float4> results = Parts(most * split);

        // As many tokens at once as there is room for; a token's result does not depend on it.
        int together = (int)Math.Clamp(results.Length / (splits * split), 1, count);
        for (int first = 0; first < count; first += together)
        {
            int group = Math.Min(together, count - first);
            latentAttention.Launch(
                Kernels.Gpu.LatentAttention.HeadTiles(shape.Heads) * Kernels.Gpu.LatentAttention.ColumnTiles(shape.Latent, shift),
                group, splits, new()
                {
                    Absorbed = queries.From(first),
                    Cache = rows,
                    Tokens = view.From(first),
                    Parts = results,
                    Sizes = sizes,
                    Splits = splits,
                    MostSplits = most,
                    AlignedQueries = queries.IsAligned(shape.CacheRow) ? 1 : 0,
                    AlignedCache = rows.IsAligned(shape.CacheRow) ? 1 : 0,
                });
            joinLatents.Launch(shape.Heads, group, Kernels.Gpu.LatentAttention.JoinTiles(shape.Latent, shift), new()
            {
                Parts = results,
                Tokens = view.From(first),
                Context = contexts.From(first),
                Sizes = sizes,
                Splits = splits,
                MostSplits = most,
                AlignedContext = contexts.IsAligned(shape.Latent) ? 1 : 0,
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

    public void GatherLatents(Activations cache, in TokenTables tokens, int start, Activations latents, int count)
    {
        if (!Any(count))
        {
            return;
        }

        if (start < 0 || ((long)start + count - 1) / tokens.BlockSize >= tokens.BlockTableStride)
        {
            throw new ArgumentException($"Positions {start} to {(long)start + count} are not in the block table.", nameof(start));
        }

        gatherLatents.LaunchElements(cache.Width, count, 1, new()
        {
            Cache = Rows(cache, 1, cache.Width),
            Tokens = View(tokens, 1),
            Start = start,
            Latents = Rows(latents, count, cache.Width),
            Width = cache.Width,
        });
    }

    public void ExpandedAttention(
        Activations q, Activations keyValues, Activations latents, in TokenTables tokens, in MlaShape shape,
        int contextStart, int contextCount, bool first, bool last, Activations state, Activations heads, int count)
    {
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
        RowView tileKeyValues = Rows(keyValues, contextCount, shape.Heads * shape.KeyValueHead);
        RowView tileLatents = Rows(latents, contextCount, shape.CacheRow);
        RowView output = Rows(heads, count, shape.Heads * shape.Value);
        bool aligned = tileKeyValues.IsAligned(shape.Nope) && tileKeyValues.IsAligned(shape.Value)
            && tileLatents.IsAligned(shape.Latent) && tileLatents.IsAligned(shape.Rope);
        expandedAttention.Launch(shape.Heads, Kernels.Gpu.ExpandedAttention.TokenTiles(count), 1, new()
        {
            Q = queries,
            KeyValues = tileKeyValues,
            Latents = tileLatents,
            Tokens = View(tokens, count),
            State = Rows(state, count, shape.Heads * 2),
            Heads = output,
            Sizes = MlaSizes.From(shape),
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

    /// <summary>
    /// Memory for what splits leave, enough for one token and, unless that is much or memory is short, several. It is as large as it will
    /// be when it is first used, so that its address does not change afterwards.
    /// </summary>
    private ArrayView<Float4> Parts(long quadsOfToken)
    {
        if (parts is null || parts.Length < quadsOfToken)
        {
            bool roomy = AvailableBytes / Interop.SizeOf<Float4>() >= PartQuads;
            var larger = AllocateBuffer<Float4>(roomy ? Math.Max(PartQuads, quadsOfToken) : quadsOfToken);
            if (parts is not null)
            {
                Stream.Synchronize();
                Release(parts);
            }

            parts = larger;
        }

        return parts.View.BaseView;
    }
}
