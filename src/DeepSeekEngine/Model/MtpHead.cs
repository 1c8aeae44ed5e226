using DeepSeekEngine.Backends;

namespace DeepSeekEngine.Model;

/// <summary>
/// A multi-token-prediction module (V3 report, section 2.2): from the final hidden state of position i and the embedding of token
/// i + 1 it predicts token i + 2, through a decoder layer with a cache of its own.
/// </summary>
internal sealed class MtpHead
{
    private readonly ModelConfig _config;
    private readonly Matrix _embedding;
    private readonly DeviceArray<float> _embeddingNorm;
    private readonly DeviceArray<float> _hiddenNorm;
    private readonly Matrix _projection;
    private readonly DecoderLayer _layer;
    private readonly DeviceArray<float> _outputNorm;
    private readonly Matrix _head;

    public MtpHead(WeightLoader weights, ModelConfig config, int module, Lazy<Matrix> mainEmbedding, Matrix mainHead)
    {
        _config = config;
        LayerIndex = config.Layers + module;
        var prefix = $"model.layers.{LayerIndex}.";
        var hidden = config.HiddenSize;
        _embedding = Own($"{prefix}embed_tokens.weight", mainEmbedding);
        _embeddingNorm = weights.Vector($"{prefix}enorm.weight", hidden);
        _hiddenNorm = weights.Vector($"{prefix}hnorm.weight", hidden);
        _projection = weights.Matrix($"{prefix}eh_proj.weight", hidden, 2 * hidden);
        _layer = new DecoderLayer(weights, config, LayerIndex);
        _outputNorm = weights.Vector($"{prefix}shared_head.norm.weight", hidden);
        _head = Own($"{prefix}shared_head.head.weight", new Lazy<Matrix>(mainHead));

        // Published checkpoints repeat the main embedding and head here; where one leaves them out, the main ones are meant.
        Matrix Own(string name, Lazy<Matrix> main)
            => weights.Contains(name) ? weights.Matrix(name, config.VocabSize, hidden) : main.Value;
    }

    /// <summary>The index the module's decoder layer has among the checkpoint's layers.</summary>
    public int LayerIndex { get; }

    /// <summary>Whether the checkpoint holds the module's weights: some publishers drop them and leave the config as it was.</summary>
    public static bool IsIn(WeightLoader weights, ModelConfig config, int module)
        => weights.Contains($"model.layers.{config.Layers + module}.eh_proj.weight");

    /// <summary>
    /// Computes draft logits for the step's output rows into <see cref="Workspace.Logits"/>. Row i of the step is position i with
    /// token i + 1, and row i of <see cref="Workspace.Final"/> must still be the model's final hidden state of position i, or the
    /// previous module's: this leaves its own there.
    /// </summary>
    public void Forward(in Step step, DeviceArray<int> nextTokens, DeviceArray<int> outputs, Activations cache)
    {
        var (b, w, n, hidden) = (step.Backend, step.Workspace, step.Count, _config.HiddenSize);
        b.Embed(nextTokens, _embedding, w.X, n);
        b.RmsNorm(w.X, _embeddingNorm, _config.RmsNormEpsilon, w.MtpInput.Columns(0, hidden), n);
        b.RmsNorm(w.Final, _hiddenNorm, _config.RmsNormEpsilon, w.MtpInput.Columns(hidden, hidden), n);
        b.Linear(w.MtpInput, _projection, w.X, n);
        _layer.Forward(step, cache);
        b.RmsNorm(w.X, _outputNorm, _config.RmsNormEpsilon, w.Final, n);
        b.GatherRows(w.Final, outputs, w.OutputHidden, step.Batch.OutputCount);
        b.Linear(w.OutputHidden, _head, w.Logits, step.Batch.OutputCount);
    }
}
