using DeepSeekEngine.Kernels;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Benchmarks.Compare;

/// <summary>
/// A model of a given shape as the GGUF file llama.cpp reads it from, without vocabulary: architecture deepseek2, its kv_b_proj split into
/// attn_k_b (transposed) and attn_v_b and the experts of a layer in one tensor, or one of the dense architectures.
/// </summary>
internal sealed class GgufModel
{
    private readonly GgufWriter _file = new();
    private readonly ModelConfig _config;
    private readonly GgmlType _type;
    private readonly string _architecture;

    private GgufModel(ModelConfig config, GgmlType type)
    {
        (_config, _type) = (config, type);
        _architecture = config.Architecture switch
        {
            Architecture.Qwen2 => "qwen2",
            Architecture.Llama => "llama",
            Architecture.Qwen3 => "qwen3",
            _ => "deepseek2",
        };
    }

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
        var model = new GgufModel(config, type);
        model.Add();
        return model._file;
    }

    private void Add()
    {
        _file.Add("general.architecture", _architecture);
        _file.Add("general.name", "synthetic");
        _file.Add("tokenizer.ggml.model", "no_vocab");
        Number("vocab_size", _config.VocabSize);
        Number("block_count", _config.Layers);
        Number("context_length", _config.MaxPositions);
        Number("embedding_length", _config.HiddenSize);
        Number("feed_forward_length", _config.IntermediateSize);
        switch (_config.Attention)
        {
            case MlaConfig mla:
                Describe(mla.Shape, mla.QLoraRank);
                break;
            case GroupedQueryConfig grouped:
                Describe(grouped);
                break;
        }

        if (_config.Router is { } router)
        {
            Describe(router);
        }

        Number("attention.layer_norm_rms_epsilon", _config.RmsNormEpsilon);
        Number("rope.freq_base", (float)_config.RopeTheta);
        Matrix("token_embd", _config.HiddenSize, _config.VocabSize);
        Norm("output_norm", _config.HiddenSize);
        Matrix("output", _config.HiddenSize, _config.VocabSize);
        for (var layer = 0; layer < _config.Layers; layer++)
        {
            AddLayer(layer, $"blk.{layer}.");
        }
    }

    private void Describe(in MlaShape attention, int? queryRank)
    {
        Number("attention.head_count", attention.Heads);
        Number("attention.head_count_kv", 1);
        Number("attention.kv_lora_rank", attention.Latent);
        Number("attention.key_length", attention.CacheRow);
        Number("attention.value_length", attention.Latent);
        Number("attention.key_length_mla", attention.QueryHead);
        Number("attention.value_length_mla", attention.Value);
        Number("rope.dimension_count", attention.Rope);
        if (queryRank is { } rank)
        {
            Number("attention.q_lora_rank", rank);
        }
    }

    private void Describe(GroupedQueryConfig attention)
    {
        Number("attention.head_count", attention.Heads);
        Number("attention.head_count_kv", attention.KeyValueHeads);
        Number("attention.key_length", attention.HeadWidth);
        Number("attention.value_length", attention.HeadWidth);
        Number("rope.dimension_count", attention.HeadWidth);
    }

    private void Describe(in RouterShape router)
    {
        Number("leading_dense_block_count", _config.FirstMoeLayer);
        Number("expert_count", router.Experts);
        Number("expert_used_count", router.ExpertsPerToken);
        Number("expert_shared_count", _config.SharedExperts);
        Number("expert_feed_forward_length", _config.MoeIntermediateSize);
        Number("expert_gating_func", router.Sigmoid ? 2 : 1);
        if (router.Groups > 1)
        {
            Number("expert_group_count", router.Groups);
            Number("expert_group_used_count", router.GroupsKept);
        }

        _file.Add($"{_architecture}.expert_weights_norm", router.Normalize);
        Number("expert_weights_scale", router.Scale);
    }

    private void AddLayer(int layer, string prefix)
    {
        Norm($"{prefix}attn_norm", _config.HiddenSize);
        switch (_config.Attention)
        {
            case MlaConfig mla:
                AddAttention(mla.Shape, mla.QLoraRank, prefix);
                break;
            case GroupedQueryConfig grouped:
                AddAttention(grouped, prefix);
                break;
        }

        Norm($"{prefix}ffn_norm", _config.HiddenSize);
        if (!_config.IsMoe(layer) || _config.Router is not { } router)
        {
            Mlp(prefix, "", _config.IntermediateSize);
            return;
        }

        _file.AddTensor($"{prefix}ffn_gate_inp.weight", GgmlType.F32, null, _config.HiddenSize, router.Experts);
        if (router.BiasCorrected)
        {
            _file.AddTensor($"{prefix}exp_probs_b.bias", GgmlType.F32, 0, router.Experts);
        }

        Mlp(prefix, "_exps", _config.MoeIntermediateSize, router.Experts);
        Mlp(prefix, "_shexp", _config.SharedExperts * _config.MoeIntermediateSize);
    }

    private void AddAttention(in MlaShape attention, int? queryRank, string prefix)
    {
        if (queryRank is { } rank)
        {
            Matrix($"{prefix}attn_q_a", _config.HiddenSize, rank);
            Norm($"{prefix}attn_q_a_norm", rank);
            Matrix($"{prefix}attn_q_b", rank, attention.Heads * attention.QueryHead);
        }
        else
        {
            Matrix($"{prefix}attn_q", _config.HiddenSize, attention.Heads * attention.QueryHead);
        }

        Matrix($"{prefix}attn_kv_a_mqa", _config.HiddenSize, attention.CacheRow);
        Norm($"{prefix}attn_kv_a_norm", attention.Latent);
        Matrix($"{prefix}attn_k_b", attention.Nope, attention.Latent, attention.Heads);
        Matrix($"{prefix}attn_v_b", attention.Latent, attention.Value, attention.Heads);
        Matrix($"{prefix}attn_output", attention.Heads * attention.Value, _config.HiddenSize);
    }

    private void AddAttention(GroupedQueryConfig attention, string prefix)
    {
        var (queries, keys) = (attention.Heads * attention.HeadWidth, attention.KeyValueHeads * attention.HeadWidth);
        foreach (var (name, width) in (ReadOnlySpan<(string, int)>)[("attn_q", queries), ("attn_k", keys), ("attn_v", keys)])
        {
            Matrix($"{prefix}{name}", _config.HiddenSize, width);
            if (attention.HasBias)
            {
                _file.AddTensor($"{prefix}{name}.bias", GgmlType.F32, 0, width);
            }

            if (attention.HasHeadNorm && name != "attn_v")
            {
                Norm($"{prefix}{name}_norm", attention.HeadWidth);
            }
        }

        Matrix($"{prefix}attn_output", queries, _config.HiddenSize);
    }

    private void Mlp(string prefix, string suffix, int intermediate, params long[] experts)
    {
        Matrix($"{prefix}ffn_gate{suffix}", [_config.HiddenSize, intermediate, .. experts]);
        Matrix($"{prefix}ffn_up{suffix}", [_config.HiddenSize, intermediate, .. experts]);
        Matrix($"{prefix}ffn_down{suffix}", [intermediate, _config.HiddenSize, .. experts]);
    }

    private void Number(string key, int value) => _file.Add($"{_architecture}.{key}", value);

    private void Number(string key, float value) => _file.Add($"{_architecture}.{key}", value);

    private void Matrix(string name, params long[] shape) => _file.AddTensor($"{name}.weight", _type, null, shape);

    private void Norm(string name, int length) => _file.AddTensor($"{name}.weight", GgmlType.F32, 1, length);
}
