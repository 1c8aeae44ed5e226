using System.Numerics.Tensors;
using DeepSeekEngine.Tokenizer;

namespace DeepSeekEngine.Runtime;

/// <summary>log softmax of next-token logits, z_i - max z - log sum_j exp(z_j - max z), of the chosen token and the top few.</summary>
internal sealed class LogProbabilities(int top, DeepSeekTokenizer tokenizer)
{
    private float[] _logits = [];
    private float[] _scratch = [];

    /// <summary>Takes the logits before they are worked on.</summary>
    public void Observe(ReadOnlySpan<float> logits)
    {
        if (_logits.Length != logits.Length)
        {
            _logits = new float[logits.Length];
            _scratch = new float[logits.Length];
        }

        logits.CopyTo(_logits);
    }

    /// <summary>Of the observed logits, those of the token chosen by them and of the most probable.</summary>
    public TokenAlternatives Of(int token)
    {
        var max = TensorPrimitives.Max<float>(_logits);
        TensorPrimitives.Subtract(_logits, max, _scratch);
        TensorPrimitives.Exp<float>(_scratch, _scratch);
        var normaliser = max + Math.Log(TensorPrimitives.Sum<float>(_scratch));
        var chosen = Entry(token);
        var best = new TokenLogProbability[Math.Min(top, _logits.Length)];
        for (var i = 0; i < best.Length; i++)
        {
            var id = TensorPrimitives.IndexOfMax<float>(_scratch);
            _scratch[id] = -1;
            best[i] = Entry(id);
        }

        return new TokenAlternatives(chosen, best);

        TokenLogProbability Entry(int id) => new(id, tokenizer.Decode([id], skipSpecial: false), (float)(_logits[id] - normaliser));
    }
}
