using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Gpu;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <content>Multi-head latent attention.</content>
internal sealed partial class IlgpuBackend
{
    private readonly LoadedKernel<RotateQueries.Parameters> rotateQueries;
    private readonly LoadedKernel<AppendLatents.Parameters> appendLatents;
    private readonly LoadedKernel<AbsorbQueries.Parameters>[] absorbQueries;
    private readonly LoadedKernel<LatentAttention.Parameters> latentAttention;
    private readonly LoadedKernel<ProjectLatents.Parameters>[] projectLatents;
    private readonly LoadedKernel<GatherLatents.Parameters> gatherLatents;
    private readonly LoadedKernel<ExpandedAttention.Parameters> expandedAttention;

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

        appendLatents.Launch(count, 1, 1, new()
        {
            Kv = Rows(kv, count, shape.CacheRow),
            NormWeight = View(normWeight, shape.Latent),
            Epsilon = epsilon,
            Rope = RopeTable(rope, tokens, shape),
            Tokens = View(tokens, count),
            Cache = Rows(cache, 1, shape.CacheRow),
            LatentWidth = shape.Latent,
            RopeWidth = shape.Rope,
        });
    }

    public void AbsorbQueries(Activations q, Matrix kvB, in MlaShape shape, Activations absorbed, int count)
    {
        if (!Any(count))
        {
            return;
        }

        absorbQueries[(int)kvB.Encoding].LaunchElements(shape.CacheRow, count, shape.Heads, new()
        {
            Q = Rows(q, count, shape.Heads * shape.QueryHead),
            KvB = View(kvB, shape.Heads * shape.KeyValueHead, shape.Latent),
            Absorbed = Rows(absorbed, count, shape.Heads * shape.CacheRow),
            Sizes = MlaSizes.From(shape),
        });
    }

    public void LatentAttention(
        Activations absorbed, Activations cache, in TokenTables tokens, in MlaShape shape, Activations context, int count)
    {
        if (!Any(count))
        {
            return;
        }

        latentAttention.Launch(shape.Heads, count, 1, new()
        {
            Absorbed = Rows(absorbed, count, shape.Heads * shape.CacheRow),
            Cache = Rows(cache, 1, shape.CacheRow),
            Tokens = View(tokens, count),
            Context = Rows(context, count, shape.Heads * shape.Latent),
            Sizes = MlaSizes.From(shape),
        });
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

        expandedAttention.Launch(shape.Heads, count, 1, new()
        {
            Q = Rows(q, count, shape.Heads * shape.QueryHead),
            KeyValues = Rows(keyValues, contextCount, shape.Heads * shape.KeyValueHead),
            Latents = Rows(latents, contextCount, shape.CacheRow),
            Tokens = View(tokens, count),
            State = Rows(state, count, shape.Heads * 2),
            Heads = Rows(heads, count, shape.Heads * shape.Value),
            Sizes = MlaSizes.From(shape),
            ContextStart = contextStart,
            ContextCount = contextCount,
            First = first ? 1 : 0,
            Last = last ? 1 : 0,
        });
    }
}
