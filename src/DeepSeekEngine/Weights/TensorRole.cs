namespace DeepSeekEngine.Weights;

/// <summary>What a tensor is to the model. Names follow Hugging Face's.</summary>
internal enum TensorRole
{
    /// <summary>Norms, biases, scales and whatever else is no matrix of the model.</summary>
    Other,

    /// <summary>embed_tokens: rows are looked up, not multiplied.</summary>
    Embedding,

    /// <summary>lm_head, and the head a multi-token-prediction module repeats.</summary>
    Head,

    /// <summary>q_proj, or q_a_proj and q_b_proj.</summary>
    Query,

    /// <summary>k_proj and v_proj: hidden state to keys and values of grouped-query attention.</summary>
    KeyValue,

    /// <summary>kv_a_proj_with_mqa: hidden state to latent and rotated key.</summary>
    LatentDown,

    /// <summary>kv_b_proj: latent to keys and values.</summary>
    LatentUp,

    /// <summary>o_proj.</summary>
    AttentionOutput,

    /// <summary>gate_proj, up_proj and down_proj of a dense layer.</summary>
    DenseFeedForward,

    /// <summary>The same of the shared experts of a layer.</summary>
    SharedExperts,

    /// <summary>The same of a routed expert.</summary>
    RoutedExperts,

    /// <summary>mlp.gate: hidden state to router logits.</summary>
    Router,

    /// <summary>eh_proj of a multi-token-prediction module.</summary>
    MtpProjection,
}

internal static class TensorRoles
{
    private const string Suffix = ".weight";

    /// <summary>The role of the tensor of that name.</summary>
    public static TensorRole Of(string name)
    {
        if (!name.EndsWith(Suffix, StringComparison.Ordinal))
        {
            return TensorRole.Other;
        }

        ReadOnlySpan<char> path = name.AsSpan(0, name.Length - Suffix.Length);
        ReadOnlySpan<char> module = path[(path.LastIndexOf('.') + 1)..];
        return module switch
        {
            "embed_tokens" => TensorRole.Embedding,
            "lm_head" or "head" => TensorRole.Head,
            "q_proj" or "q_a_proj" or "q_b_proj" => TensorRole.Query,
            "k_proj" or "v_proj" => TensorRole.KeyValue,
            "kv_a_proj_with_mqa" => TensorRole.LatentDown,
            "kv_b_proj" => TensorRole.LatentUp,
            "o_proj" => TensorRole.AttentionOutput,
            "gate" => TensorRole.Router,
            "eh_proj" => TensorRole.MtpProjection,
            "gate_proj" or "up_proj" or "down_proj" =>
                path.Contains(".experts.", StringComparison.Ordinal) ? TensorRole.RoutedExperts
                : path.Contains(".shared_experts.", StringComparison.Ordinal) ? TensorRole.SharedExperts
                : TensorRole.DenseFeedForward,
            _ => TensorRole.Other,
        };
    }
}
