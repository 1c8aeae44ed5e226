using System.Numerics.Tensors;
using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Model;
using DeepSeekEngine.Weights;
using NUnit.Framework;

namespace DeepSeekEngine.Testing.Fidelity;

/// <summary>
/// Holds a backend to the float64 reference on a whole model, at the float32 tolerances of the fixture, or at those of bfloat16 if it
/// rounds activations. Inherited once a backend; the fixture directory is the constructor's argument.
/// </summary>
[NonParallelizable]
public abstract class ModelFidelityTests(string directory)
{
    private const int ContextLength = 160;
    private OracleFixture _fixture = null!;
    private readonly List<IBackend> _backends = [];
    private Checkpoint _checkpoint = null!;
    private Transformer _transformer = null!;

    internal abstract IBackend CreateBackend();

    /// <summary>Where the model's parts are: on so many backends, with routed experts on the processor or not.</summary>
    internal virtual Placement Placement => Placement.OneDevice;

    /// <summary>Prompts longer than this are left to faster backends.</summary>
    protected virtual int LongestPrompt => int.MaxValue;

    /// <summary>
    /// Whether activations are rounded to bfloat16. Then ids are compared that this cannot change: the experts, and the first greedy steps.
    /// </summary>
    protected virtual bool RoundsActivations => false;

    /// <summary>Steps of greedy decoding to compare.</summary>
    protected virtual int GreedySteps => 24;

    [OneTimeSetUp]
    public void Load()
    {
        _fixture = new OracleFixture(directory);
        var config = ModelConfigReader.Read(directory);
        _checkpoint = Checkpoint.Open(directory, config.Fp8);
        for (var i = 0; i < Placement.Devices; i++)
        {
            _backends.Add(CreateBackend());
        }

        IBackend[] devices = [.. _backends];
        SimdBackend? host = null;
        if (Placement.ExpertsOnHost)
        {
            _backends.Add(host = new SimdBackend());
        }

        _transformer = new Transformer(
            devices, host, PlacedWeights.Load(Placement, devices, host, _checkpoint, QuantizationPolicy.For(WeightFormat.AsStored)), config,
            new StepLimits(Tokens: 256, Sequences: 8, Outputs: 256, ContextLength, CacheTokens: 8 * ContextLength));
    }

    [OneTimeTearDown]
    public void Unload()
    {
        _transformer?.Dispose();
        _backends.ForEach(backend => backend.Dispose());
        _checkpoint?.Dispose();
    }

    [Test]
    public void One_prefill_matches_the_reference([Values] bool expanded)
    {
        _transformer.AttentionForm = expanded ? AttentionForm.Expanded : AttentionForm.Absorbed;
        foreach (var prompt in Prompts())
        {
            using var run = new ModelRun(_transformer);
            ModelRun.Step(_transformer, (run, prompt.InputIds));
            CompareWithReference(prompt, run);
        }
    }

    [Test]
    public void Short_chunks_match_the_reference(
        [Values(1, 2, 3, 5)] int size, [Values(AttentionForm.Cheapest, AttentionForm.Absorbed, AttentionForm.Expanded)] int form)
        => CompareChunks(size, form);

    [Test]
    public void Greedy_decoding_matches_the_reference([Values(AttentionForm.Cheapest, AttentionForm.Expanded)] int form)
    {
        _transformer.AttentionForm = (AttentionForm)form;
        foreach (var prompt in Prompts())
        {
            using var run = new ModelRun(_transformer);
            ModelRun.Step(_transformer, (run, prompt.InputIds));
            CompareGreedy(prompt, run);
        }
    }

    [Test]
    public void A_mixed_batch_matches_the_reference(
        [Values(AttentionForm.Cheapest, AttentionForm.Absorbed, AttentionForm.Expanded)] int form)
    {
        // Sequences enter one after the other, prefill in chunks of different sizes beside those already decoding, and so share steps
        // in every combination; each must come out as if it were alone.
        _transformer.AttentionForm = (AttentionForm)form;
        var prompts = Prompts().ToList();
        var runs = prompts.Select(_ => new ModelRun(_transformer)).ToList();
        int[] chunkSizes = [3, 2, 7, 13];
        for (var step = 0; runs.Zip(prompts).Any(p => p.First.Tokens.Count < p.Second.InputIds.Length + GreedySteps - 1); step++)
        {
            var parts = new List<(ModelRun, int[])>();
            for (var i = 0; i < Math.Min(runs.Count, step + 1); i++)
            {
                var (prompt, done) = (prompts[i], runs[i].Tokens.Count);
                var all = prompt.InputIds.Concat(prompt.GreedyIds.Take(GreedySteps - 1)).ToArray();
                var size = done < prompt.InputIds.Length ? Math.Min(chunkSizes[i % 4], prompt.InputIds.Length - done) : 1;
                if (done < all.Length)
                {
                    parts.Add((runs[i], all[done..(done + size)]));
                }
            }

            ModelRun.Step(_transformer, parts.ToArray());
        }

        for (var i = 0; i < runs.Count; i++)
        {
            CompareWithReference(prompts[i], runs[i]);
            CompareGreedyIds(prompts[i], runs[i]);
            runs[i].Dispose();
        }
    }

    [Test]
    public void Drafts_match_the_reference([Values(1, 7, 256)] int size)
    {
        _transformer.AttentionForm = AttentionForm.Cheapest;
        Assert.That(_transformer.MtpModules, Is.EqualTo(_transformer.Config.MtpLayers));
        foreach (var prompt in Prompts().Where(p => p.DraftIds is not null))
        {
            var all = prompt.InputIds.Concat(prompt.GreedyIds.Take(GreedySteps)).ToArray();
            var positions = all.Length - 1;
            using var run = new ModelRun(_transformer);
            for (var start = 0; start < positions; start += size)
            {
                var end = Math.Min(start + size, positions);
                ModelRun.Step(_transformer, (run, all[start..end]));
                run.Draft(all[(start + 1)..(end + 1)]);
            }

            if (!RoundsActivations)
            {
                var drafts = run.DraftLogits.Select(row => TensorPrimitives.IndexOfMax(row));
                Assert.That(drafts, Is.EqualTo(prompt.DraftIds!.Take(positions)), $"{prompt.Name}: draft ids");
            }

            CompareRows($"{prompt.Name}.mtp.logits", run.DraftLogits, prompt.HiddenFirst, "mtp");
            CompareRouterIds(prompt, run.RouterIds[_transformer.Config.Layers], $"{prompt.Name}.mtp.router.{_transformer.Config.Layers}.ids");
        }
    }

    /// <summary>Prefills every prompt that is longer than a chunk in chunks of this size.</summary>
    protected void CompareChunks(int size, int form)
    {
        _transformer.AttentionForm = (AttentionForm)form;
        var prompts = Prompts().Where(p => p.InputIds.Length > size).ToList();
        Assert.That(prompts, Is.Not.Empty);
        foreach (var prompt in prompts)
        {
            using var run = new ModelRun(_transformer);
            foreach (var chunk in prompt.InputIds.Chunk(size))
            {
                ModelRun.Step(_transformer, (run, chunk));
            }

            CompareWithReference(prompt, run);
        }
    }

    private IEnumerable<OraclePrompt> Prompts() => _fixture.Prompts.Where(p => p.InputIds.Length <= LongestPrompt);

    private void CompareWithReference(OraclePrompt prompt, ModelRun run)
    {
        var (name, config, length) = (prompt.Name, _transformer.Config, prompt.InputIds.Length);
        CompareRows($"{name}.logits", run.Logits, prompt.LogitsFirst, "logits");
        CompareRows($"{name}.hidden.embed", run.Hidden[0], prompt.HiddenFirst, "hidden");
        CompareRows($"{name}.hidden.final_norm", run.FinalNorm, prompt.HiddenFirst, "hidden");
        if (!RoundsActivations)
        {
            Assert.That(
                run.Logits.Take(length).Select(row => TensorPrimitives.IndexOfMax(row)), Is.EqualTo(prompt.ArgmaxIds), $"{name}: argmax ids");
        }

        for (var layer = 0; layer < config.Layers; layer++)
        {
            CompareRows($"{name}.hidden.{layer}", run.Hidden[layer + 1], prompt.HiddenFirst, "hidden");
            if (config.IsMoe(layer))
            {
                CompareRouterIds(prompt, run.RouterIds[layer], $"{name}.router.{layer}.ids");
                if (!RoundsActivations)
                {
                    CompareRouterWeights(prompt, run, layer);
                }
            }
        }
    }

    private void CompareGreedy(OraclePrompt prompt, ModelRun run)
    {
        var steps = GreedyStepsOf(prompt);
        for (var i = 0; i < steps - 1; i++)
        {
            ModelRun.Step(_transformer, (run, [TensorPrimitives.IndexOfMax(run.Logits[^1])]));
        }

        CompareGreedyIds(prompt, run);
        if (steps > 0)
        {
            CompareRows($"{prompt.Name}.decode_logits", [.. run.Logits.Take(prompt.InputIds.Length - 1 + steps)], prompt.InputIds.Length - 1, "decode");
        }
    }

    private void CompareGreedyIds(OraclePrompt prompt, ModelRun run)
    {
        var steps = GreedyStepsOf(prompt);
        var greedy = run.Logits.Skip(prompt.InputIds.Length - 1).Take(steps).Select(row => TensorPrimitives.IndexOfMax(row));
        Assert.That(greedy, Is.EqualTo(prompt.GreedyIds.Take(steps)), $"{prompt.Name}: greedy ids");
    }

    private int GreedyStepsOf(OraclePrompt prompt) => RoundsActivations ? Math.Min(GreedySteps, prompt.SafeSteps) : GreedySteps;

    private void CompareRows(string name, List<float[]> rows, int first, string tolerance)
    {
        var expected = _fixture.Floats(name);
        var width = rows[0].Length;
        var count = Math.Min(expected.Length / width, rows.Count - first);
        Assert.That(count, Is.Positive, name);
        var (worst, squares) = (0f, 0.0);
        for (var i = 0; i < count; i++)
        {
            for (var j = 0; j < width; j++)
            {
                var error = Math.Abs(rows[first + i][j] - expected[(i * width) + j]);
                worst = error <= worst ? worst : error; // a NaN is neither and so becomes the worst
                squares += (double)error * error;
            }
        }

        var allowed = _fixture.Tolerance(tolerance, RoundsActivations);
        Assert.That(worst, Is.LessThanOrEqualTo(allowed.Largest), $"{name}: largest difference");
        Assert.That(Math.Sqrt(squares / (count * width)), Is.LessThanOrEqualTo(allowed.RootMeanSquare), $"{name}: root mean square");
    }

    private void CompareRouterIds(OraclePrompt prompt, List<int[]> ids, string name)
    {
        var k = _transformer.Config.Router!.Value.ExpertsPerToken;
        var expected = _fixture.Ints(name).Chunk(k).ToArray();
        Assert.That(expected, Has.Length.EqualTo(prompt.InputIds.Length), name);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.That(ids[i], Is.EquivalentTo(expected[i]), $"{name}: position {i}");
        }
    }

    private void CompareRouterWeights(OraclePrompt prompt, ModelRun run, int layer)
    {
        var k = _transformer.Config.Router!.Value.ExpertsPerToken;
        var ids = _fixture.Ints($"{prompt.Name}.router.{layer}.ids");
        var weights = _fixture.Floats($"{prompt.Name}.router.{layer}.weights");
        for (var i = 0; i < prompt.InputIds.Length; i++)
        {
            for (var slot = 0; slot < k; slot++)
            {
                var chosen = Array.IndexOf(run.RouterIds[layer][i], ids[(i * k) + slot]);
                Assert.That(
                    run.RouterWeights[layer][i][chosen], Is.EqualTo(weights[(i * k) + slot]).Within(1e-5f),
                    $"{prompt.Name}: layer {layer}, position {i}, expert {ids[(i * k) + slot]}");
            }
        }
    }
}
