using System.Numerics.Tensors;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Cache;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Model;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Testing.Quality;

/// <summary>
/// How far the next-token distributions of a model with quantised weights or a rounded cache are from those of the stored weights with a
/// cache of float32: both read the same texts, and KL(p || q) = sum p log(p / q), in nats, is taken at every position, p of the latter.
/// </summary>
internal sealed class LogitDivergence
{
    private readonly string _directory;
    private readonly IReadOnlyList<int[]> _texts;
    private readonly List<float[]> _expected;

    /// <param name="texts">Tokens of what both read, none longer than a prefill chunk.</param>
    public LogitDivergence(string directory, IReadOnlyList<int[]> texts)
    {
        _directory = directory;
        _texts = texts;
        _expected = LogProbabilities(directory, QuantizationPolicy.For(WeightFormat.AsStored), texts);
    }

    /// <summary>The logarithms of the probabilities at each position of each text.</summary>
    public static List<float[]> LogProbabilities(
        string directory, QuantizationPolicy policy, IReadOnlyList<int[]> texts, CachePrecision cache = CachePrecision.Float32)
    {
        var config = ModelConfigReader.Read(directory);
        var longest = texts.Max(text => text.Length);
        using var backend = new SimdBackend(cache: cache);
        using var checkpoint = Checkpoint.Open(directory, config.Fp8);
        using var transformer = new Transformer(
            backend, checkpoint, policy, config, new StepLimits(longest, 1, longest, longest, longest), Environment.ProcessorCount);
        var batch = new Batch(longest, 1, longest);
        var all = new List<float[]>();
        foreach (var text in texts)
        {
            using var table = new BlockTable(transformer.Cache.Pool, longest);
            table.Reserve(text.Length);
            batch.Clear();
            batch.Add(table, text, 0, outputs: text.Length);
            transformer.Forward(batch);
            for (var i = 0; i < text.Length; i++)
            {
                var logits = new float[config.VocabSize];
                transformer.Logits(i, logits);
                all.Add(LogSoftmax(logits));
            }
        }

        return all;
    }

    public Divergence Of(QuantizationPolicy policy, CachePrecision cache = CachePrecision.Float32)
    {
        var found = LogProbabilities(_directory, policy, _texts, cache);
        double sum = 0, max = 0;
        var same = 0;
        for (var i = 0; i < found.Count; i++)
        {
            double divergence = 0;
            for (var token = 0; token < found[i].Length; token++)
            {
                divergence += Math.Exp(_expected[i][token]) * (_expected[i][token] - (double)found[i][token]);
            }

            sum += divergence;
            max = Math.Max(max, divergence);
            same += TensorPrimitives.IndexOfMax(found[i]) == TensorPrimitives.IndexOfMax(_expected[i]) ? 1 : 0;
        }

        return new Divergence(sum / found.Count, max, same, found.Count);
    }

    private static float[] LogSoftmax(float[] logits)
    {
        var max = logits.Max();
        var log = max + Math.Log(logits.Sum(logit => Math.Exp((double)logit - max)));
        return [.. logits.Select(logit => (float)(logit - log))];
    }
}

/// <summary>KL divergence, in nats, over so many positions, and at how many of them the most probable token is the same.</summary>
internal readonly record struct Divergence(double Mean, double Maximum, int SameChoices, int Positions);
