using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Model;

/// <summary>
/// Reads config.json, believing nothing: every size is bounded, so that products of sizes fit the types they are computed in, and every
/// field that changes the mathematics is either understood or refused. Defaults are those of each architecture's configuration class.
/// </summary>
internal static class ModelConfigReader
{
    private const int MaximumVocabulary = 1 << 24;
    private const int MaximumHidden = 1 << 20;
    private const int MaximumLayers = 10_000;
    private const int MaximumHeads = 1 << 16;
    private const int MaximumHeadWidth = 1 << 16;
    private const int MaximumRows = 1 << 24;
    private const int MaximumExperts = 1 << 16;
    private const int MaximumPositions = 1 << 24;

    /// <exception cref="ModelFormatException">The directory or config.json is missing, or a field is missing or absurd.</exception>
    /// <exception cref="UnsupportedModelException">A well-formed configuration of a model this version cannot run.</exception>
    public static ModelConfig Read(string directory)
    {
        if (!Directory.Exists(directory))
        {
            throw new ModelFormatException(directory, "is not a directory; expected one holding config.json and safetensors files.");
        }

        ModelConfigJson json = ModelConfigJson.Read(Path.Combine(directory, "config.json"));
        Architecture architecture = ReadArchitecture(json);
        bool deepSeek = Architectures.IsDeepSeek(architecture);
        json.RequireSupported(json.OptionalText("hidden_act") is null or "silu", "hidden_act", "\"silu\"");

        int vocabulary = json.Integer("vocab_size", 1, MaximumVocabulary);
        int layers = json.Integer("num_hidden_layers", 1, MaximumLayers);
        int maximumPositions = json.Integer("max_position_embeddings", 1, MaximumPositions);
        int moeIntermediate = 0;
        int sharedExperts = 0;
        RouterShape? router = null;
        if (deepSeek && json.OptionalInteger("n_routed_experts", 0, MaximumExperts) is int experts and > 0)
        {
            router = ReadRouter(json, architecture, experts);
            moeIntermediate = json.Integer("moe_intermediate_size", 1, MaximumRows);
            sharedExperts = json.OptionalInteger("n_shared_experts", 0, MaximumExperts) ?? 0;
            json.Require(
                (long)sharedExperts * moeIntermediate <= MaximumRows,
                "n_shared_experts",
                $"n_shared_experts * moe_intermediate_size of at most {MaximumRows}");
        }

        ModelConfigJson? rope = json.OptionalObject("rope_parameters") ?? json.OptionalObject("rope_scaling");
        RopeScaling? scaling = rope is ModelConfigJson fields ? ReadScaling(fields, maximumPositions, deepSeek) : null;
        int hidden = json.Integer("hidden_size", 1, MaximumHidden);
        return new ModelConfig
        {
            Architecture = architecture,
            VocabSize = vocabulary,
            HiddenSize = hidden,
            Layers = layers,
            MtpLayers = (deepSeek ? json.OptionalInteger("num_nextn_predict_layers", 0, MaximumLayers) : null) ?? 0,
            Attention = deepSeek ? ReadMla(json, (YarnScaling?)scaling) : ReadGroupedQuery(json, architecture, hidden, rope),
            IntermediateSize = json.Integer("intermediate_size", 1, MaximumRows),
            MoeIntermediateSize = moeIntermediate,
            Router = router,
            SharedExperts = sharedExperts,
            FirstMoeLayer = json.OptionalInteger("first_k_dense_replace", 0, MaximumLayers) ?? 0,
            MoeLayerFrequency = json.OptionalInteger("moe_layer_freq", 1, MaximumLayers) ?? 1,
            RmsNormEpsilon = (float)(json.OptionalNumber("rms_norm_eps", 1e-12, 1) ?? 1e-6),
            RopeTheta = rope?.OptionalNumber("rope_theta", 2, 1e12) ?? json.OptionalNumber("rope_theta", 2, 1e12) ?? 10_000,
            RopeScaling = scaling,
            MaxPositions = maximumPositions,
            TiedEmbeddings = json.OptionalBoolean("tie_word_embeddings") ?? false,
            Fp8 = json.OptionalObject("quantization_config") is ModelConfigJson quantization ? ReadQuantization(quantization) : null,
            EosTokens = ReadEosTokens(json, directory, vocabulary),
        };
    }

    private static Architecture ReadArchitecture(ModelConfigJson json)
    {
        string[] architectures = json.Texts("architectures");
        string? modelType = json.OptionalText("model_type");
        json.Require(architectures.Length > 0 || modelType is not null, "architectures", Architectures.Supported);
        string found = architectures.Length > 0 ? string.Join(", ", architectures) : $"model_type {modelType}";
        return Architectures.Find(architectures.Length > 0 ? architectures[0] : modelType!) ?? throw new UnsupportedModelException(
            json.Path, $"the architecture is {found}; supported: {Architectures.Supported}.");
    }

    private static MlaConfig ReadMla(ModelConfigJson json, YarnScaling? yarn)
    {
        json.RequireSupported(json.OptionalBoolean("attention_bias") is null or false, "attention_bias", "false");
        json.RequireSupported(json.OptionalBoolean("rope_interleave") is null or true, "rope_interleave", "true");
        int heads = json.Integer("num_attention_heads", 1, MaximumHeads);
        int nope = json.Integer("qk_nope_head_dim", 1, MaximumHeadWidth);
        int rope = json.Integer("qk_rope_head_dim", 2, MaximumHeadWidth);
        int value = json.Integer("v_head_dim", 1, MaximumHeadWidth);
        int latent = json.Integer("kv_lora_rank", 1, MaximumHidden);
        json.Require(rope % 2 == 0, "qk_rope_head_dim", "an even number, since dimensions are rotated in pairs");
        json.Require(
            (long)heads * (nope + Math.Max(rope, value)) <= MaximumRows && (long)heads * (latent + rope) <= MaximumRows,
            "num_attention_heads",
            $"heads times the width of a head, and times that of the latent (kv_lora_rank), of at most {MaximumRows}");
        MlaShape shape = new()
        {
            Heads = heads,
            Nope = nope,
            Rope = rope,
            Value = value,
            Latent = latent,
            Scale = (float)RotaryFrequencies.SoftmaxScale(nope + rope, yarn),
        };
        return new MlaConfig(shape, json.OptionalInteger("q_lora_rank", 1, MaximumHidden));
    }

    private static GroupedQueryConfig ReadGroupedQuery(
        ModelConfigJson json, Architecture architecture, int hidden, ModelConfigJson? ropeParameters)
    {
        // Qwen2's projections of queries, keys and values have a bias, which its configuration does not mention.
        bool biased = architecture == Architecture.Qwen2;
        json.RequireSupported((json.OptionalBoolean("attention_bias") ?? biased) == biased, "attention_bias", biased ? "true" : "false");
        json.RequireSupported(json.OptionalBoolean("mlp_bias") is null or false, "mlp_bias", "false");
        json.RequireSupported(json.OptionalBoolean("use_sliding_window") is null or false, "use_sliding_window", "false");
        json.RequireSupported(
            json.Texts("layer_types").All(type => type == "full_attention"), "layer_types", "\"full_attention\" in every layer");
        foreach (ModelConfigJson fields in (ModelConfigJson[])[json, ropeParameters ?? json])
        {
            fields.RequireSupported(fields.OptionalNumber("partial_rotary_factor", 0, 1) is null or 1, "partial_rotary_factor", "1");
        }

        int heads = json.Integer("num_attention_heads", 1, MaximumHeads);
        int keyValueHeads = json.OptionalInteger("num_key_value_heads", 1, MaximumHeads) ?? heads;
        json.Require(heads % keyValueHeads == 0, "num_key_value_heads", $"a divisor of the {heads} of num_attention_heads");
        int? width = json.OptionalInteger("head_dim", 2, MaximumHeadWidth) ?? (architecture == Architecture.Qwen3 ? 128 : null);
        json.Require(
            width is not null || hidden % heads == 0, "head_dim", "the width of a head, since num_attention_heads does not divide hidden_size");
        int head = width ?? hidden / heads;
        json.Require(head % 2 == 0, "head_dim", "an even number, since dimensions are rotated in pairs");
        json.Require(
            2L * heads * head <= MaximumRows, "num_attention_heads",
            $"twice the heads times the width of a head of at most {MaximumRows}");
        return new GroupedQueryConfig(heads, keyValueHeads, head, HasBias: biased, HasHeadNorm: architecture == Architecture.Qwen3);
    }

    private static RouterShape ReadRouter(ModelConfigJson json, Architecture architecture, int experts)
    {
        bool v3 = architecture == Architecture.DeepSeekV3;
        string scoring = json.OptionalText("scoring_func") ?? (v3 ? "sigmoid" : "softmax");
        json.RequireSupported(scoring == (v3 ? "sigmoid" : "softmax"), "scoring_func", v3 ? "\"sigmoid\"" : "\"softmax\"");
        RoutingMethod method = json.OptionalText("topk_method") switch
        {
            null => v3 ? RoutingMethod.NoAuxTc : RoutingMethod.Greedy,
            "noaux_tc" when v3 => RoutingMethod.NoAuxTc,
            "greedy" when !v3 => RoutingMethod.Greedy,
            "group_limited_greedy" when !v3 => RoutingMethod.GroupLimitedGreedy,
            _ => throw json.Unsupported("topk_method", v3 ? "\"noaux_tc\"" : "\"greedy\" and \"group_limited_greedy\""),
        };
        int chosen = json.Integer("num_experts_per_tok", 1, MaximumExperts);
        json.Require(chosen <= experts, "num_experts_per_tok", $"at most the {experts} of n_routed_experts");
        int groups = json.OptionalInteger("n_group", 1, MaximumExperts) ?? 1;
        int? groupsKept = json.OptionalInteger("topk_group", 1, MaximumExperts);
        if (method == RoutingMethod.Greedy)
        {
            groups = 1;
            groupsKept = 1;
        }

        json.Require(experts % groups == 0, "n_group", $"a divisor of the {experts} of n_routed_experts");
        json.Require(groups == 1 || groupsKept is not null, "topk_group", "the number of groups a token may choose from");
        int kept = groupsKept ?? 1;
        int groupSize = experts / groups;
        json.Require(kept <= groups, "topk_group", $"at most the {groups} of n_group");
        json.Require(
            (long)kept * groupSize >= chosen,
            "num_experts_per_tok",
            $"at most the {(long)kept * groupSize} experts of the {kept} groups (topk_group) a token may choose from");
        json.Require(
            method != RoutingMethod.NoAuxTc || groups == 1 || groupSize >= 2,
            "n_group",
            "at least two experts a group, since a group's score is the sum of two");

        bool normalize = (json.OptionalBoolean("norm_topk_prob") ?? false) && chosen > 1;
        double scale = json.OptionalNumber("routed_scaling_factor", 1e-6, 1e6) ?? 1;
        return new RouterShape
        {
            Experts = experts,
            ExpertsPerToken = chosen,
            Groups = groups,
            GroupsKept = kept,
            Sigmoid = v3,
            BiasCorrected = method == RoutingMethod.NoAuxTc,
            Normalize = normalize,
            // V3's code scales after normalising; V2's does one or the other.
            Scale = v3 || !normalize ? (float)scale : 1,
        };
    }

    private static RopeScaling? ReadScaling(ModelConfigJson rope, int maximumPositions, bool deepSeek)
    {
        string field = rope.OptionalText("rope_type") is null ? "type" : "rope_type";
        string? type = rope.OptionalText(field);
        double? factor = rope.OptionalNumber("factor", 1, 1e6);
        rope.Require(type is not null || factor is null, field, "\"yarn\" or \"default\"");
        return type switch
        {
            null or "default" => null,
            "yarn" => ReadYarn(rope, maximumPositions, deepSeek),
            "llama3" when !deepSeek => ReadLlama3(rope),
            _ => throw rope.Unsupported(field, deepSeek ? "\"yarn\" and \"default\"" : "\"llama3\", \"yarn\" and \"default\""),
        };
    }

    private static YarnScaling ReadYarn(ModelConfigJson rope, int maximumPositions, bool deepSeek)
    {
        YarnScaling yarn = new(
            rope.Number("factor", 1, 1e6),
            rope.OptionalInteger("original_max_position_embeddings", 1, MaximumPositions) ?? maximumPositions,
            rope.OptionalNumber("beta_fast", 1e-3, 1e6) ?? 32,
            rope.OptionalNumber("beta_slow", 1e-3, 1e6) ?? 1,
            rope.OptionalNumber("mscale", 0, 100) ?? 1,
            rope.OptionalNumber("mscale_all_dim", 0, 100) ?? 0);
        rope.Require(yarn.BetaFast >= yarn.BetaSlow, "beta_fast", "at least beta_slow");
        double multiplier = RotaryFrequencies.MultiplierOf(yarn);
        double? stated = rope.OptionalNumber("attention_factor", 0, 1e6);
        if (!deepSeek)
        {
            // attn_factor is what vLLM reads: it multiplies the factor that would follow.
            return yarn with { AttentionFactor = stated ?? multiplier * (rope.OptionalNumber("attn_factor", 0, 1e6) ?? 1) };
        }

        rope.RequireSupported(
            Math.Abs((stated ?? multiplier) - multiplier) < 1e-6, "attention_factor",
            $"the {multiplier} that follows from mscale and mscale_all_dim");
        return yarn;
    }

    private static Llama3Scaling ReadLlama3(ModelConfigJson rope)
    {
        Llama3Scaling llama = new(
            rope.Number("factor", 1, 1e6),
            rope.Integer("original_max_position_embeddings", 1, MaximumPositions),
            rope.Number("low_freq_factor", 1e-3, 1e6),
            rope.Number("high_freq_factor", 1e-3, 1e6));
        rope.Require(llama.HighFrequency > llama.LowFrequency, "high_freq_factor", "more than low_freq_factor");
        return llama;
    }

    private static Fp8Quantization ReadQuantization(ModelConfigJson quantization)
    {
        quantization.RequireSupported(quantization.OptionalText("quant_method") == "fp8", "quant_method", "\"fp8\"");
        quantization.RequireSupported(quantization.OptionalText("fmt") is null or "e4m3", "fmt", "\"e4m3\"");
        int[]? block = quantization.OptionalIntegers("weight_block_size", 1, MaximumHeadWidth);
        quantization.RequireSupported(block is not null, "weight_block_size", "[rows, columns] of a block, as in [128, 128]");
        quantization.Require(block!.Length == 2, "weight_block_size", "[rows, columns] of a block, as in [128, 128]");
        return new Fp8Quantization(block[0], block[1]);
    }

    private static int[] ReadEosTokens(ModelConfigJson json, string directory, int vocabulary)
    {
        int[] own = json.OptionalIntegers("eos_token_id", 0, vocabulary - 1) ?? [];
        if (GenerationDefaults.Read(directory).EosTokens is not int[] replacing)
        {
            return own;
        }

        return replacing.All(token => token < vocabulary)
            ? replacing
            : throw new ModelFormatException(
                Path.Combine(directory, GenerationDefaults.FileName),
                $"field 'eos_token_id' is [{string.Join(", ", replacing)}]; "
                + $"expected tokens below the vocab_size of {vocabulary} in config.json.");
    }
}
