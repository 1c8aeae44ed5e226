using System.Diagnostics;
using DeepSeekEngine.Backends;
using DeepSeekEngine.Benchmarks.Synthetic;
using DeepSeekEngine.Cache;
using DeepSeekEngine.Model;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Benchmarks.Models;

/// <summary>This library's forward pass, as it decodes greedily. Tokens are random, so that experts vary.</summary>
internal sealed class TimedTransformer : ITimedModel
{
    private readonly Random _random;
    private readonly Transformer _transformer;
    private readonly BlockTable _table;
    private readonly Batch _batch;
    private readonly int[] _tokens;
    private readonly int[] _next = new int[1];
    private int _context;

    public TimedTransformer(IBackend backend, IWeightSource source, ModelConfig config, int maxPrefill, int maxContext, int seed = 1)
    {
        _random = new Random(seed);
        var limits = new StepLimits(maxPrefill, 1, 1, maxContext, maxContext);
        _transformer = new Transformer(backend, source, QuantizationPolicy.For(WeightFormat.AsStored), config, limits);
        _table = new BlockTable(_transformer.Cache.Pool, maxContext);
        _table.Reserve(maxContext);
        _batch = new Batch(maxPrefill, 1, 1);
        _tokens = new int[maxPrefill];
        FillCache();
        _transformer.Prepare(null);
    }

    /// <summary>Bytes of the cache one token reads at this context.</summary>
    public double CacheBytes => KeyValueCache.ByteLength(_transformer.Cache.Layer(0).Width, _transformer.Config.Layers, _context);

    public void SetContext(int tokens) => _context = tokens;

    public double Prefill(int tokens)
    {
        var start = Stopwatch.GetTimestamp();
        Step(tokens, _context);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public double Decode(int tokens)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < tokens; i++)
        {
            Step(1, _context + i);
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public void Dispose()
    {
        _table.Dispose();
        _transformer.Dispose();
    }

    private void Step(int tokens, int position)
    {
        for (var i = 0; i < tokens; i++)
        {
            _tokens[i] = _random.Next(_transformer.Config.VocabSize);
        }

        _batch.Clear();
        _batch.MayRound = tokens >= _transformer.RoundedTokens;
        _batch.Add(_table, _tokens.AsSpan(0, tokens), position, outputs: 1);
        _transformer.Forward(_batch);
        _transformer.MostProbable(_next, _transformer.Config.VocabSize);
    }

    /// <summary>Random latents at every position, so that a long context need not be computed before it is measured.</summary>
    private void FillCache()
    {
        for (var layer = 0; layer < _transformer.Config.Layers; layer++)
        {
            SyntheticCache.Fill(_transformer.Cache.Layer(layer).Array, layer);
        }
    }
}
