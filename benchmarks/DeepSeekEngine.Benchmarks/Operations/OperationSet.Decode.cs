using DeepSeekEngine.Backends;
using DeepSeekEngine.Cache;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Benchmarks.Operations;

/// <content>What a step of one token is made of, with the operations of the forward pass and in its order.</content>
internal sealed partial class OperationSet
{
    private void AddDecode(WeightEncoding format, int[] contexts)
    {
        var (mla, hidden) = ((MlaConfig)_config.Attention, _config.HiddenSize);
        var shape = mla.Shape;
        var norm = new Norm(Random(1, hidden).Array, _config.RmsNormEpsilon);
        var (x, normed) = (Random(1, hidden), Random(1, hidden));
        var (queries, latents) = (Random(1, shape.Heads * shape.QueryHead), Random(1, shape.CacheRow));
        var longest = contexts.Max();
        var rope = Random(longest, shape.Rope).Array;
        var cache = Cache(longest, layer: 0);
        var tokens = Tables(1, longest - 1, longest);
        var append = new LatentAppend(
            latents, new Norm(Random(1, shape.Latent).Array, _config.RmsNormEpsilon), rope, tokens, shape, cache);

        if (mla.QLoraRank is { } rank)
        {
            var low = Random(1, rank);
            var lowNorm = new Norm(Random(1, rank).Array, _config.RmsNormEpsilon);
            Add(
                "q_a_proj and kv_a_proj", format, [(rank, hidden), (shape.CacheRow, hidden)],
                w => _backend.NormLinear(x, norm, normed, w[0], low, w[1], latents, 1));
            Add("q_b_proj and append", format, [(queries.Width, rank)], w => _backend.ProjectQueries(low, lowNorm, w[0], queries, append, 1));
        }
        else
        {
            Add(
                "q_proj and kv_a_proj", format, [(queries.Width, hidden), (shape.CacheRow, hidden)],
                w => _backend.NormLinear(x, norm, normed, w[0], queries, w[1], latents, 1));
            Add("append", WeightEncoding.F32, [], _ => Composed.AppendLatents(_backend, append, 1));
        }

        // Packed models keep kv_b_proj as it was stored. Each half is read by one operation.
        var stored = format.IsPacked() ? WeightEncoding.BF16 : format;
        (int, int)[] kvB = [(shape.Heads * shape.KeyValueHead, shape.Latent)];
        var (absorbed, context, heads) = (
            Random(1, shape.Heads * shape.CacheRow), Random(1, shape.Heads * shape.Latent), Random(1, shape.Heads * shape.Value));
        Add(
            "absorb", stored, kvB, w => _backend.AbsorbRotated(queries, rope, tokens, w[0], shape, absorbed, 1),
            (double)shape.Nope / shape.KeyValueHead);
        AddCachedAttention(contexts);
        Add("project", stored, kvB, w => _backend.ProjectLatents(context, w[0], shape, heads, 1), (double)shape.Value / shape.KeyValueHead);
        Add("o_proj", format, [(hidden, heads.Width)], w => _backend.LinearAdd(heads, w[0], x, 1));

        AddFeedForward(format, x, norm, normed);
        var (logits, chosen) = (Random(1, _config.VocabSize), Own(_backend.Allocate<int>(1)));
        Add(
            "lm_head", format is WeightEncoding.Int4 ? WeightEncoding.Int8 : format, [(_config.VocabSize, hidden)],
            w => _backend.Linear(normed, w[0], logits, 1));
        Add("argmax", WeightEncoding.F32, [], _ => _backend.ArgMax(logits, chosen, 1), bytes: (double)_config.VocabSize * sizeof(float));
    }

    private void AddFeedForward(WeightEncoding format, Activations x, Norm norm, Activations normed)
    {
        var (hidden, dense, expert, router) = (_config.HiddenSize, _config.IntermediateSize, _config.MoeIntermediateSize, _config.Router!.Value);
        var (gateOut, upOut) = (Random(1, dense), Random(1, dense));
        Add(
            "dense feed-forward", format, [(dense, hidden), (dense, hidden), (hidden, dense)],
            w => _backend.AddNormedSwiGlu(x, norm, normed, new SwiGluMatrices(w[0], w[1], w[2]), gateOut, upOut, 1));

        var scores = Random(1, router.Experts);
        var bias = router.BiasCorrected ? Random(1, router.Experts).Array : null;
        var (ids, weights) = (Own(_backend.Allocate<int>(router.ExpertsPerToken)), Random(1, router.ExpertsPerToken));
        Add(
            "router", format is WeightEncoding.F32 ? format : WeightEncoding.BF16, [(router.Experts, hidden)],
            w => _backend.NormLinear(x, norm, normed, w[0], scores, null, default, 1));
        Add("selection of experts", WeightEncoding.F32, [], _ => _backend.SelectExperts(scores, bias, router, ids, weights, 1));

        var (gate, up, down) = (
            Experts(format, router.Experts, expert, hidden), Experts(format, router.Experts, expert, hidden),
            Experts(format, router.Experts, hidden, expert));
        var experts = new ExpertSet(gate.Matrices, up.Matrices, down.Matrices);
        var (tables, next, work) = (ExpertIds(router, 1), 0, Random(router.ExpertsPerToken, expert));
        var shared = _config.SharedExperts * expert;
        var (sharedGate, sharedUp) = (Random(1, shared), Random(1, shared));
        Add(
            $"{router.ExpertsPerToken} of {router.Experts} experts and the shared", format,
            [(shared, hidden), (shared, hidden), (hidden, shared)],
            w => _backend.AddExperts(
                normed, tables[next++ % tables.Length], weights, experts, work, new SwiGluMatrices(w[0], w[1], w[2]),
                sharedGate, sharedUp, x, 1),
            bytes: (gate.Bytes + up.Bytes + down.Bytes) * router.ExpertsPerToken / router.Experts);
    }

    /// <summary>Adds an operation on matrices of these shapes, of which there are as many sets as the caches cannot hold.</summary>
    /// <param name="read">The part of the matrices that it reads.</param>
    /// <param name="bytes">What it reads besides.</param>
    private void Add(
        string name, WeightEncoding format, (int Rows, int Columns)[] shapes, Action<Matrix[]> run, double read = 1, double bytes = 0)
    {
        var views = shapes.Select(shape => _matrices.Create(format, shape.Rows, shape.Columns)).ToArray();
        var setBytes = views.Sum(view => view.ByteLength);
        var sets = new Matrix[setBytes == 0 ? 1 : (int)Math.Clamp(_weightBytes / setBytes, 1, 4096)][];
        for (var i = 0; i < sets.Length; i++)
        {
            sets[i] = [.. (i == 0 ? views : [.. shapes.Select(shape => _matrices.Create(format, shape.Rows, shape.Columns))])
                .Select(view => Own(_backend.LoadMatrix(view)))];
        }

        var next = 0;
        var products = read * shapes.Sum(shape => 2.0 * shape.Rows * shape.Columns);
        _operations.Add(new Operation(
            name, $"{format}", 1, (setBytes * read) + bytes, products, OperandsOf(format), () => run(sets[next++ % sets.Length])));
    }
}
