using DeepSeekEngine.Model;

namespace DeepSeekEngine.Benchmarks.Compare;

/// <summary>
/// A model of a given shape as the GGUF file llama.cpp reads it from: architecture deepseek2, multi-head latent attention with kv_b_proj
/// split into attn_k_b (transposed) and attn_v_b, the experts of a layer in one tensor, no vocabulary.
/// </summary>
internal static class GgufModel
{
    private const string Architecture = "deepseek2";

    /// <summary>Bytes of weights one token reads: the chosen experts' and all others but the embedding's.</summary>
    public static double ActiveBytes(ModelConfig config, GgmlType type) => Of(config, type).Tensors.Sum(tensor => tensor.Name switch
    {
        "token_embd.weight" => 0,
        _ when tensor.Name.Contains("_exps.", StringComparison.Ordinal)
            => (double)tensor.Bytes * config.Router!.Value.ExpertsPerToken / config.Router.Value.Experts,
        _ => tensor.Bytes,
    });

    public static GgufWriter Of(ModelConfig config, GgmlType type)
    {
        var file = new GgufWriter();
        var (mla, router) = ((MlaConfig)config.Attention, config.Router!.Value);
        var attention = mla.Shape;
        file.Add("general.architecture", Architecture);
        file.Add("general.name", "synthetic");
        file.Add("tokenizer.ggml.model", "no_vocab");
        Number("vocab_size", config.VocabSize);
        Number("block_count", config.Layers);
        Number("context_length", config.MaxPositions);
        Number("embedding_length", config.HiddenSize);
        Number("feed_forward_length", config.IntermediateSize);
        Number("leading_dense_block_count", config.FirstMoeLayer);
        Number("attention.head_count", attention.Heads);
        Number("attention.head_count_kv", 1);
        Number("attention.kv_lora_rank", attention.Latent);
        Number("attention.key_length", attention.CacheRow);
        Number("attention.value_length", attention.Latent);
        Number("attention.key_length_mla", attention.QueryHead);
        Number("attention.value_length_mla", attention.Value);
        Number("rope.dimension_count", attention.Rope);
        Number("expert_count", router.Experts);
        Number("expert_used_count", router.ExpertsPerToken);
        Number("expert_shared_count", config.SharedExperts);
        Number("expert_feed_forward_length", config.MoeIntermediateSize);
        Number("expert_gating_func", router.Sigmoid ? 2 : 1);
        if (router.Groups > 1)
        {
            Number("expert_group_count", router.Groups);
            Number("expert_group_used_count", router.GroupsKept);
        }

        if (mla.QLoraRank is { } rank)
        {
            Number("attention.q_lora_rank", rank);
        }

        file.Add($"{Architecture}.expert_weights_norm", router.Normalize);
        file.Add($"{Architecture}.expert_weights_scale", router.Scale);
        file.Add($"{Architecture}.attention.layer_norm_rms_epsilon", config.RmsNormEpsilon);
        file.Add($"{Architecture}.rope.freq_base", (float)config.RopeTheta);

        Matrix("token_embd", config.HiddenSize, config.VocabSize);
        Norm("output_norm", config.HiddenSize);
        Matrix("output", config.HiddenSize, config.VocabSize);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            AddLayer(layer);
        }

        return file;

        void AddLayer(int layer)
        {
            var prefix = $"blk.{layer}.";
            Norm($"{prefix}attn_norm", config.HiddenSize);
            if (mla.QLoraRank is { } queryRank)
            {
                Matrix($"{prefix}attn_q_a", config.HiddenSize, queryRank);
                Norm($"{prefix}attn_q_a_norm", queryRank);
                Matrix($"{prefix}attn_q_b", queryRank, attention.Heads * attention.QueryHead);
            }
            else
            {
                Matrix($"{prefix}attn_q", config.HiddenSize, attention.Heads * attention.QueryHead);
            }

            Matrix($"{prefix}attn_kv_a_mqa", config.HiddenSize, attention.CacheRow);
            Norm($"{prefix}attn_kv_a_norm", attention.Latent);
            Matrix($"{prefix}attn_k_b", attention.Nope, attention.Latent, attention.Heads);
            Matrix($"{prefix}attn_v_b", attention.Latent, attention.Value, attention.Heads);
            Matrix($"{prefix}attn_output", attention.Heads * attention.Value, config.HiddenSize);
            Norm($"{prefix}ffn_norm", config.HiddenSize);
            if (!config.IsMoe(layer))
            {
                Mlp(prefix, "", config.IntermediateSize);
                return;
            }

            file.AddTensor($"{prefix}ffn_gate_inp.weight", GgmlType.F32, null, config.HiddenSize, router.Experts);
            if (router.BiasCorrected)
            {
                file.AddTensor($"{prefix}exp_probs_b.bias", GgmlType.F32, 0, router.Experts);
            }

            Mlp(prefix, "_exps", config.MoeIntermediateSize, router.Experts);
            Mlp(prefix, "_shexp", config.SharedExperts * config.MoeIntermediateSize);
        }

        void Mlp(string prefix, string suffix, int intermediate, params long[] experts)
        {
            Matrix($"{prefix}ffn_gate{suffix}", [config.HiddenSize, intermediate, .. experts]);
            Matrix($"{prefix}ffn_up{suffix}", [config.HiddenSize, intermediate, .. experts]);
            Matrix($"{prefix}ffn_down{suffix}", [intermediate, config.HiddenSize, .. experts]);
        }

        void Number(string key, int value) => file.Add($"{Architecture}.{key}", value);

        void Matrix(string name, params long[] shape) => file.AddTensor($"{name}.weight", type, null, shape);

        void Norm(string name, int length) => file.AddTensor($"{name}.weight", GgmlType.F32, 1, length);
    }
}
