using System.Globalization;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Weights;

/// <summary>A checkpoint in numbers.</summary>
/// <param name="Parameters">Weights of the model without multi-token prediction.</param>
/// <param name="ActiveParameters">Those of them a token is computed with: of the routed experts, only as many as it chooses.</param>
/// <param name="MtpParameters">Weights of the multi-token-prediction modules.</param>
/// <param name="BytesByFormat">Bytes of the tensors in each format, most first.</param>
internal sealed record CheckpointSummary(
    string Architecture, long Parameters, long ActiveParameters, long MtpParameters, WeightFormat PackedFormat,
    IReadOnlyList<(string Format, long Bytes)> BytesByFormat)
{
    private const string LayerPrefix = "model.layers.";

    /// <exception cref="DeepSeekException">The directory is no checkpoint this version can run.</exception>
    public static CheckpointSummary Read(string directory)
    {
        var config = ModelConfigReader.Read(directory);
        using var checkpoint = Checkpoint.Open(directory, config.Fp8);
        long parameters = 0, routed = 0, mtp = 0;
        var bytes = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var (name, entry) in checkpoint.Tensors)
        {
            var packed = checkpoint.PackedMatrixOf(name);
            var format = packed?.Encoding.ToString() ?? entry.DType;
            bytes[format] = bytes.GetValueOrDefault(format) + entry.ByteLength;
            var count = packed is not null ? (long)packed.Rows * packed.Columns : entry.Shape.Aggregate(1L, (a, b) => a * b);
            if (Checkpoint.IsScales(name))
            {
                continue;
            }

            if (LayerOf(name) >= config.Layers)
            {
                mtp += count;
                continue;
            }

            parameters += count;
            routed += TensorRoles.Of(name) is TensorRole.RoutedExperts ? count : 0;
        }

        var idle = config.Router is { } router ? routed / router.Experts * (router.Experts - router.ExpertsPerToken) : 0;
        return new CheckpointSummary(
            config.Architecture.ToString(), parameters, parameters - idle, mtp, checkpoint.PackedFormat,
            [.. bytes.OrderByDescending(pair => pair.Value).Select(pair => (pair.Key, pair.Value))]);
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
