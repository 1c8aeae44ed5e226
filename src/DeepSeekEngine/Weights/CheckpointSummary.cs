using System.Globalization;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Weights;

/// <summary>A tensor of a checkpoint.</summary>
/// <param name="Shape">The matrix' own where it is packed.</param>
/// <param name="Format">What it is packed to, or its type as safetensors names it.</param>
/// <param name="Parameters">Weights of the model it holds; 0 for scales.</param>
/// <param name="IsMtp">Whether it belongs to multi-token prediction.</param>
internal sealed record TensorSummary(
    string Name, IReadOnlyList<long> Shape, string Format, long Bytes, long Parameters, TensorRole Role, bool IsMtp);

/// <summary>A checkpoint in numbers.</summary>
/// <param name="Tensors">In the order of their files and of their bytes in them.</param>
internal sealed record CheckpointSummary(ModelConfig Config, WeightFormat PackedFormat, IReadOnlyList<TensorSummary> Tensors)
{
    private const string LayerPrefix = "model.layers.";

    /// <summary>Weights of the model without multi-token prediction.</summary>
    public long Parameters => Tensors.Where(tensor => !tensor.IsMtp).Sum(tensor => tensor.Parameters);

    /// <summary>Those of them a token is computed with: of the routed experts, only as many as it chooses.</summary>
    public long ActiveParameters
    {
        get
        {
            var routed = Tensors.Where(tensor => !tensor.IsMtp && tensor.Role is TensorRole.RoutedExperts).Sum(tensor => tensor.Parameters);
            return Config.Router is { } router
                ? Parameters - (routed / router.Experts * (router.Experts - router.ExpertsPerToken))
                : Parameters;
        }
    }

    /// <summary>Weights of the multi-token-prediction modules.</summary>
    public long MtpParameters => Tensors.Where(tensor => tensor.IsMtp).Sum(tensor => tensor.Parameters);

    /// <exception cref="DeepSeekException">The directory is no checkpoint this version can run.</exception>
    public static CheckpointSummary Read(string directory)
    {
        var config = ModelConfigReader.Read(directory);
        using var checkpoint = Checkpoint.Open(directory, config.Fp8);
        return new CheckpointSummary(
            config, checkpoint.PackedFormat, [.. checkpoint.Tensors.Select(tensor => Summarize(tensor.Name, tensor.Entry))]);

        TensorSummary Summarize(string name, TensorEntry entry)
        {
            var packed = checkpoint.PackedMatrixOf(name);
            long[] shape = packed is null ? entry.Shape : [packed.Rows, packed.Columns];
            return new TensorSummary(
                name, shape, packed?.Encoding.ToString() ?? entry.DType, entry.ByteLength,
                Checkpoint.IsScales(name) ? 0 : shape.Aggregate(1L, (a, b) => a * b), TensorRoles.Of(name), LayerOf(name) >= config.Layers);
        }
    }

    /// <summary>-1 for a tensor of no layer.</summary>
    private static int LayerOf(string name)
    {
        if (!name.StartsWith(LayerPrefix, StringComparison.Ordinal))
        {
            return -1;
        }

        var digits = name.AsSpan(LayerPrefix.Length);
        var end = digits.IndexOf('.');
        return end > 0 && int.TryParse(digits[..end], NumberStyles.None, CultureInfo.InvariantCulture, out var layer) ? layer : -1;
    }
}
