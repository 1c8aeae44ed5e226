using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Model;

/// <summary>The activations of a step, allocated once for the largest step.</summary>
internal sealed class Workspace : IDisposable
{
    /// <summary>
    /// Rows that attend to the cache where it lies at once; absorbed queries are H * (c + r) wide, 73,728 values in R1.
    /// </summary>
    public const int CachedRows = 64;

    /// <summary>Positions of a tile of keys and values; they are H * (n + v) wide, 32,768 values in R1.</summary>
    public const int ExpandedPositions = 256;

    private readonly List<IDisposable> _arrays = [];
    private readonly IDeviceMemory _memory;

    public Workspace(IDeviceMemory memory, ModelConfig config, int maxTokens, int maxOutputs, bool expertsOnHost)
    {
        _memory = memory;
        var attention = config.Attention;
        var mla = attention as MlaConfig;
        var grouped = attention as GroupedQueryConfig;
        var mlpWidth = Math.Max(config.IntermediateSize, config.SharedExperts * config.MoeIntermediateSize);
        try
        {
            X = Rows(maxTokens, config.HiddenSize);
            Normed = Rows(maxTokens, config.HiddenSize);
            Final = Rows(maxTokens, config.HiddenSize);
            QueryLatents = Rows(maxTokens, mla?.QLoraRank ?? 0);
            Queries = Rows(maxTokens, attention.Expanded.Heads * attention.Expanded.QueryHead);
            KeyValueLatents = Rows(maxTokens, mla?.Shape.CacheRow ?? 0);
            Keys = Rows(maxTokens, grouped is null ? 0 : grouped.KeyValueHeads * grouped.HeadWidth);
            Values = Rows(maxTokens, Keys.Width);
            Absorbed = Rows(Math.Min(maxTokens, CachedRows), mla is null ? 0 : mla.Cached.Heads * mla.Cached.Key);
            Context = Rows(Math.Min(maxTokens, CachedRows), mla is null ? 0 : mla.Cached.Heads * mla.Cached.Value);
            TileLatents = Rows(ExpandedPositions, mla?.Shape.CacheRow ?? 0);
            TileKeyValues = Rows(ExpandedPositions, attention.Expanded.Row);
            SoftmaxState = Rows(maxTokens, attention.Expanded.Heads * 2);
            Heads = Rows(maxTokens, attention.Expanded.Heads * attention.Expanded.Value);
            Gate = Rows(maxTokens, mlpWidth);
            Up = Rows(maxTokens, mlpWidth);
            OutputHidden = Rows(maxOutputs, config.HiddenSize);
            Logits = Rows(maxOutputs, config.VocabSize);
            Chosen = Own(memory.Allocate<int>(maxOutputs));
            InverseTemperatures = Own(memory.Allocate<float>(maxOutputs));
            TopLogits = Own(memory.Allocate<TopLogit>((long)maxOutputs * TopLogit.ListLength));
            var router = config.Router;
            RouterLogits = Rows(maxTokens, router?.Experts ?? 0);
            ExpertWeights = Rows(maxTokens, router?.ExpertsPerToken ?? 0);
            ExpertIds = Own(memory.Allocate<int>((long)maxTokens * (router?.ExpertsPerToken ?? 0)));
            ExpertHidden = Rows(expertsOnHost ? 0 : maxTokens * (router?.ExpertsPerToken ?? 0), config.MoeIntermediateSize);
            Routed = Rows(expertsOnHost ? maxTokens : 0, config.HiddenSize);
            MtpInput = Rows(config.MtpLayers > 0 ? maxTokens : 0, 2 * config.HiddenSize);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The residual stream, [tokens, hidden].</summary>
    public Activations X { get; }

    public Activations Normed { get; }

    /// <summary>model.norm of the residual stream after the last layer, [tokens, hidden].</summary>
    public Activations Final { get; }

    public Activations QueryLatents { get; }

    public Activations Queries { get; }

    public Activations KeyValueLatents { get; }

    public Activations Keys { get; }

    public Activations Values { get; }

    public Activations Absorbed { get; }

    public Activations Context { get; }

    public Activations TileLatents { get; }

    public Activations TileKeyValues { get; }

    public Activations SoftmaxState { get; }

    public Activations Heads { get; }

    public Activations Gate { get; }

    public Activations Up { get; }

    public Activations OutputHidden { get; }

    public Activations Logits { get; }

    /// <summary>The most probable token of each output, as <see cref="IBackend.ArgMax"/> says it.</summary>
    public DeviceArray<int> Chosen { get; }

    /// <summary>What each output is sampled with: 1 / T.</summary>
    public DeviceArray<float> InverseTemperatures { get; }

    /// <summary>The list of the largest logits of each output, [outputs, <see cref="TopLogit.ListLength"/>].</summary>
    public DeviceArray<TopLogit> TopLogits { get; }

    public Activations RouterLogits { get; }

    public DeviceArray<int> ExpertIds { get; }

    public Activations ExpertWeights { get; }

    public Activations ExpertHidden { get; }

    /// <summary>What the routed experts add to the residual stream, where the host computes them, [tokens, hidden].</summary>
    public Activations Routed { get; }

    /// <summary>[tokens, 2 * hidden]: normalised embedding, then normalised hidden state.</summary>
    public Activations MtpInput { get; }

    /// <summary>Bytes of all of it.</summary>
    public long ByteLength { get; private set; }

    public void Dispose()
    {
        foreach (var array in _arrays)
        {
            array.Dispose();
        }
    }

    private Activations Rows(int rows, int width)
    {
        ByteLength += (long)rows * width * sizeof(float);
        return Activations.Dense(Own(_memory.Allocate<float>(checked((long)rows * width))), width);
    }

    private T Own<T>(T array)
        where T : IDisposable
    {
        _arrays.Add(array);
        return array;
    }
}
