using System.Numerics.Tensors;
using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Model;
using DeepSeekEngine.Weights;
using NUnit.Framework;

namespace DeepSeekEngine.Testing.Fidelity;

/// <summary>
/// Holds the prefill of a backend to the float64 reference on a whole model, at the float32 tolerances of the fixture, or at those of bfloat16 if
/// it rounds activations. The fixture directory is the constructor's argument.
/// </summary>
[NonParallelizable]
public abstract class PrefillFidelityTests(string directory)
{
    private const int ContextLength = 160;
    private OracleFixture _fixture = null!;
    private readonly List<IBackend> _backends = [];
    private Checkpoint _checkpoint = null!;
    private protected Transformer _transformer = null!;

    internal abstract IBackend CreateBackend();

    /// <summary>Where the model's parts are: on so many backends, with routed experts on the processor or not.</summary>
    internal virtual Placement Placement => Placement.OneDevice;

    /// <summary>Prompts longer than this are left to faster backends.</summary>
    protected virtual int LongestPrompt => int.MaxValue;

    /// <summary>
    /// Whether activations are rounded to bfloat16. Then ids are compared that this cannot change: the experts, and the first greedy steps.
    /// </summary>
    protected virtual bool RoundsActivations => false;

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
    public void One_prefill_matches_the_reference() => ComparePrefill(AttentionForm.Expanded);

    private protected void ComparePrefill(AttentionForm form)
    {
        _transformer.AttentionForm = form;
        foreach (var prompt in Prompts())
        {
            using var run = new ModelRun(_transformer);
            ModelRun.Step(_transformer, (run, prompt.InputIds));
            CompareWithReference(prompt, run);
        }
    }

    private protected IEnumerable<OraclePrompt> Prompts() => _fixture.Prompts.Where(p => p.InputIds.Length <= LongestPrompt);

    private protected void CompareWithReference(OraclePrompt prompt, ModelRun run)
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

    private protected void CompareRows(string name, List<float[]> rows, int first, string tolerance)
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

    private protected void CompareRouterIds(OraclePrompt prompt, List<int[]> ids, string name)
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
