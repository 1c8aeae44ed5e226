using System.Text;
using System.Text.Json.Nodes;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Model;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Tests.Weights;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Model;

internal sealed class ModelConfigReaderTests
{
    /// <summary>DeepSeek-R1's config.json.</summary>
    private const string R1 = """
        {
          "architectures": ["DeepseekV3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
          "auto_map": { "AutoConfig": "configuration_deepseek.DeepseekV3Config" }, "bos_token_id": 0, "eos_token_id": 1, "ep_size": 1,
          "first_k_dense_replace": 3, "hidden_act": "silu", "hidden_size": 7168, "initializer_range": 0.02, "intermediate_size": 18432,
          "kv_lora_rank": 512, "max_position_embeddings": 163840, "model_type": "deepseek_v3", "moe_intermediate_size": 2048,
          "moe_layer_freq": 1, "n_group": 8, "n_routed_experts": 256, "n_shared_experts": 1, "norm_topk_prob": true,
          "num_attention_heads": 128, "num_experts_per_tok": 8, "num_hidden_layers": 61, "num_key_value_heads": 128,
          "num_nextn_predict_layers": 1, "q_lora_rank": 1536, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
          "quantization_config": { "activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": [128, 128] },
          "rms_norm_eps": 1e-06,
          "rope_scaling": { "beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 1.0, "mscale_all_dim": 1.0,
                            "original_max_position_embeddings": 4096, "type": "yarn" },
          "rope_theta": 10000, "routed_scaling_factor": 2.5, "scoring_func": "sigmoid", "tie_word_embeddings": false, "topk_group": 4,
          "topk_method": "noaux_tc", "torch_dtype": "bfloat16", "transformers_version": "4.46.3", "use_cache": true, "v_head_dim": 128,
          "vocab_size": 129280
        }
        """;

    [Test]
    public void R1_is_read_field_by_field()
    {
        ModelConfig config = ModelConfigFile.ReadText(R1);

        Assert.That(config with { EosTokens = Array.Empty<int>() }, Is.EqualTo(new ModelConfig
        {
            Architecture = Architecture.DeepSeekV3,
            VocabSize = 129280,
            HiddenSize = 7168,
            Layers = 61,
            MtpLayers = 1,
            Attention = new MlaConfig(
                new MlaShape { Heads = 128, Nope = 128, Rope = 64, Value = 128, Latent = 512, Scale = 0.1352337788608801f }, QLoraRank: 1536),
            IntermediateSize = 18432,
            MoeIntermediateSize = 2048,
            Router = new RouterShape
            {
                Experts = 256,
                ExpertsPerToken = 8,
                Groups = 8,
                GroupsKept = 4,
                Sigmoid = true,
                BiasCorrected = true,
                Normalize = true,
                Scale = 2.5f,
            },
            SharedExperts = 1,
            FirstMoeLayer = 3,
            MoeLayerFrequency = 1,
            RmsNormEpsilon = 1e-6f,
            RopeTheta = 10000,
            RopeScaling = new YarnScaling(40, 4096, 32, 1, 1, 1),
            MaxPositions = 163840,
            TiedEmbeddings = false,
            Fp8 = new Fp8Quantization(128, 128),
            EosTokens = Array.Empty<int>(),
        }));
        Assert.That(config.EosTokens, Is.EqualTo(new[] { 1 }));
        Assert.That(Enumerable.Range(0, 61).Count(config.IsMoe), Is.EqualTo(58));
    }

    [Test]
    public void Moonlight_has_its_own_epsilon_and_no_scaling()
    {
        ModelConfig config = ModelConfigReader.Read(TestPaths.Fixture("moonlight"));

        Assert.That(config.RmsNormEpsilon, Is.EqualTo(1e-5f));
        Assert.That(config.RopeTheta, Is.EqualTo(50000));
        Assert.That((config.RopeScaling, Mla(config).QLoraRank, config.Fp8), Is.EqualTo(((RopeScaling?)null, (int?)null, (Fp8Quantization?)null)));
        Assert.That(config.Attention.Cached.Scale, Is.EqualTo((float)(1 / Math.Sqrt(24))));
        Assert.That(config.Router, Is.EqualTo(new RouterShape
        {
            Experts = 8,
            ExpertsPerToken = 3,
            Groups = 1,
            GroupsKept = 1,
            Sigmoid = true,
            BiasCorrected = true,
            Normalize = true,
            Scale = 2.446f,
        }));
    }

    [Test]
    public void V2_Lite_is_greedy_without_groups()
    {
        ModelConfig config = ModelConfigReader.Read(TestPaths.Fixture("v2lite-bf16"));

        Assert.That((config.Architecture, Mla(config).QLoraRank, config.SharedExperts), Is.EqualTo((Architecture.DeepSeekV2, (int?)null, 2)));
        Assert.That(config.RopeScaling, Is.EqualTo(new YarnScaling(40, 64, 32, 1, 0.707, 0.707)));
        // 48^-0.5 * (0.0707 ln 40 + 1)^2
        Assert.That(config.Attention.Cached.Scale, Is.EqualTo(0.22944277358).Within(1e-8));
        Assert.That(config.Router, Is.EqualTo(new RouterShape
        {
            Experts = 8,
            ExpertsPerToken = 3,
            Groups = 1,
            GroupsKept = 1,
            Sigmoid = false,
            BiasCorrected = false,
            Normalize = false,
            Scale = 1,
        }));
    }

    [Test]
    public void V2_keeps_its_groups_and_its_factor()
        => Assert.That(ModelConfigReader.Read(TestPaths.Fixture("v2-grouped")).Router, Is.EqualTo(new RouterShape
        {
            Experts = 8,
            ExpertsPerToken = 3,
            Groups = 4,
            GroupsKept = 2,
            Sigmoid = false,
            BiasCorrected = false,
            Normalize = false,
            Scale = 16,
        }));

    [TestCase("v2-grouped", "true", 3, true, 1f)]
    [TestCase("v2-grouped", "true", 1, false, 16f)]
    [TestCase("v2-grouped", "false", 3, false, 16f)]
    [TestCase("v3-bf16", "true", 2, true, 2.5f)]
    [TestCase("v3-bf16", "true", 1, false, 2.5f)]
    [TestCase("v3-bf16", "false", 2, false, 2.5f)]
    public void Weights_are_normalised_and_scaled_as_each_family_does(
        string fixture, string normalize, int chosen, bool normalized, float scale)
    {
        JsonObject json = ModelConfigFile.Of(fixture).With("norm_topk_prob", normalize).With("num_experts_per_tok", $"{chosen}");
        RouterShape router = json.Read().Router!.Value;
        Assert.That((router.Normalize, router.Scale), Is.EqualTo((normalized, scale)));
    }

    [Test]
    public void Greedy_routing_ignores_groups()
    {
        RouterShape router = ModelConfigFile.Of("v2-grouped").With("topk_method", "\"greedy\"").Read().Router!.Value;
        Assert.That((router.Groups, router.GroupsKept), Is.EqualTo((1, 1)));
    }

    [Test]
    public void Optional_fields_have_the_defaults_of_the_configuration_classes()
    {
        JsonObject json = ModelConfigFile.Of("v3-bf16");
        foreach (string field in (string[])
        [
            "n_group", "topk_group", "moe_layer_freq", "norm_topk_prob", "routed_scaling_factor", "rms_norm_eps", "rope_theta",
            "rope_scaling", "num_nextn_predict_layers", "n_shared_experts", "tie_word_embeddings", "first_k_dense_replace",
            "scoring_func", "topk_method", "hidden_act", "attention_bias", "q_lora_rank", "eos_token_id",
        ])
        {
            json.Remove(field);
        }

        ModelConfig config = json.Read();
        Assert.That(config.Router, Is.EqualTo(new RouterShape
        {
            Experts = 8,
            ExpertsPerToken = 2,
            Groups = 1,
            GroupsKept = 1,
            Sigmoid = true,
            BiasCorrected = true,
            Normalize = false,
            Scale = 1,
        }));
        Assert.That((config.MoeLayerFrequency, config.FirstMoeLayer, config.MtpLayers, config.SharedExperts), Is.EqualTo((1, 0, 0, 0)));
        Assert.That((config.RmsNormEpsilon, config.RopeTheta, config.RopeScaling), Is.EqualTo((1e-6f, 10000.0, (RopeScaling?)null)));
        Assert.That((config.TiedEmbeddings, Mla(config).QLoraRank, config.EosTokens.Count), Is.EqualTo((false, (int?)null, 0)));
    }

    [Test]
    public void V2_without_a_method_is_greedy_softmax()
    {
        JsonObject json = ModelConfigFile.Of("v2lite-bf16").With("topk_method", "absent").With("scoring_func", "absent");
        RouterShape router = json.Read().Router!.Value;
        Assert.That((router.Sigmoid, router.BiasCorrected), Is.EqualTo((false, false)));
    }

    [TestCase("null")]
    [TestCase("absent")]
    [TestCase("0")]
    public void A_model_without_routed_experts_is_dense(string experts)
    {
        ModelConfig config = ModelConfigFile.Of("v3-bf16").With("n_routed_experts", experts).Read();
        Assert.That((config.Router, config.MoeIntermediateSize, config.IsMoe(2)), Is.EqualTo(((RouterShape?)null, 0, false)));
    }

    [TestCase("deepseek_v3", "DeepSeekV3")]
    [TestCase("kimi_k2", "DeepSeekV3")]
    [TestCase("deepseek_v2", "DeepSeekV2")]
    [TestCase("qwen2", "Qwen2")]
    [TestCase("llama", "Llama")]
    [TestCase("qwen3", "Qwen3")]
    public void The_model_type_decides_where_no_architecture_is_named(string modelType, string expected)
    {
        string fixture = expected switch { "DeepSeekV3" => "v3-bf16", "DeepSeekV2" => "v2-grouped", _ => modelType };
        ModelConfig config = ModelConfigFile.Of(fixture).With("architectures", "absent").With("model_type", $"\"{modelType}\"").Read();
        Assert.That(config.Architecture.ToString(), Is.EqualTo(expected));
    }

    [Test]
    public void Kimi_K2_is_a_V3_by_its_architecture()
        => Assert.That(
            ModelConfigFile.Of("v3-bf16").With("model_type", "\"kimi_k2\"").Read().Architecture, Is.EqualTo(Architecture.DeepSeekV3));

    [TestCase("qwen2", "Qwen2", 16, true, false)]
    [TestCase("llama", "Llama", 16, false, false)]
    [TestCase("qwen3", "Qwen3", 32, false, true)]
    public void A_distill_attends_by_groups(string fixture, string architecture, int width, bool biased, bool normed)
    {
        ModelConfig config = ModelConfigReader.Read(TestPaths.Fixture(fixture));
        Assert.That(config.Architecture.ToString(), Is.EqualTo(architecture));
        Assert.That(config.Attention, Is.EqualTo(new GroupedQueryConfig(4, 2, width, biased, normed)));
        Assert.That(config.Attention.Cached.Scale, Is.EqualTo((float)(1 / Math.Sqrt(width))));
        Assert.That((config.Router, config.MtpLayers, config.IsMoe(1)), Is.EqualTo(((RouterShape?)null, 0, false)));
    }

    [Test]
    public void Distills_are_scaled_as_their_rope_scaling_says()
    {
        Assert.That(ModelConfigReader.Read(TestPaths.Fixture("llama")).RopeScaling, Is.EqualTo(new Llama3Scaling(8, 64, 1, 4)));
        Assert.That(ModelConfigReader.Read(TestPaths.Fixture("qwen3")).RopeScaling, Is.Null);
        YarnScaling yarn = (YarnScaling)ModelConfigReader.Read(TestPaths.Fixture("qwen3-yarn")).RopeScaling!;
        Assert.That(yarn with { AttentionFactor = null }, Is.EqualTo(new YarnScaling(4, 64, 32, 1, 1, 0)));
        Assert.That(RotaryFrequencies.MultiplierOf(yarn), Is.EqualTo(1).Within(1e-12));
        JsonObject json = ModelConfigFile.Of("qwen3-yarn");
        Assert.That(Multiplier(json.With("rope_scaling.attn_factor", "absent")), Is.EqualTo(0.1 * Math.Log(4) + 1).Within(1e-12));
        Assert.That(Multiplier(json.With("rope_scaling.attention_factor", "1.25")), Is.EqualTo(1.25));

        static double Multiplier(JsonObject config) => RotaryFrequencies.MultiplierOf((YarnScaling)config.Read().RopeScaling!);
    }

    [TestCase("qwen2", 16)]
    [TestCase("llama", 16)]
    [TestCase("qwen3", 128)]
    public void Fields_a_distill_leaves_out_have_the_defaults_of_its_class(string fixture, int width)
    {
        JsonObject json = ModelConfigFile.Of(fixture).With("num_key_value_heads", "absent").With("head_dim", "absent");
        GroupedQueryConfig attention = (GroupedQueryConfig)json.Read().Attention;
        Assert.That((attention.KeyValueHeads, attention.HeadWidth), Is.EqualTo((4, width)));
    }

    [TestCase("qwen2", "attention_bias", "false", "supported: true")]
    [TestCase("qwen2", "use_sliding_window", "true", "supported: false")]
    [TestCase("qwen2", "layer_types", """["full_attention", "sliding_attention"]""", "full_attention")]
    [TestCase("llama", "attention_bias", "true", "supported: false")]
    [TestCase("llama", "mlp_bias", "true", "supported: false")]
    [TestCase("llama", "partial_rotary_factor", "0.5", "supported: 1")]
    [TestCase("llama", "rope_scaling.partial_rotary_factor", "0.5", "supported: 1")]
    [TestCase("llama", "rope_scaling.rope_type", "\"linear\"", "\"llama3\", \"yarn\" and \"default\"")]
    [TestCase("qwen3", "attention_bias", "true", "supported: false")]
    [TestCase("qwen3", "hidden_act", "\"gelu\"", "silu")]
    [TestCase("v3-bf16", "rope_scaling.type", "\"llama3\"", "\"yarn\" and \"default\"")]
    public void What_a_distill_could_say_and_is_not_computed_is_refused(string fixture, string field, string value, string supported)
    {
        UnsupportedModelException? exception = Assert.Throws<UnsupportedModelException>(
            () => ModelConfigFile.Of(fixture).With(field, value).Read());
        Assert.That(exception!.Message, Does.Contain(field.Split('.')[^1]).And.Contain(supported));
    }

    [TestCase("num_key_value_heads", "3", "a divisor of the 4 of num_attention_heads")]
    [TestCase("num_key_value_heads", "0", "is 0")]
    [TestCase("head_dim", "15", "even")]
    [TestCase("num_attention_heads", "6", "does not divide", "head_dim", "absent")]
    [TestCase("num_attention_heads", "65536", "twice the heads times the width", "head_dim", "1024")]
    [TestCase("rope_scaling.low_freq_factor", "absent", "missing")]
    [TestCase("rope_scaling.high_freq_factor", "1", "more than low_freq_factor")]
    [TestCase("rope_scaling.original_max_position_embeddings", "absent", "missing")]
    public void An_absurd_distill_is_refused(string field, string value, string expectation, string other = "model_type", string otherValue = "\"llama\"")
    {
        ModelFormatException? exception = Assert.Throws<ModelFormatException>(
            () => ModelConfigFile.Of("llama").With(field, value).With(other, otherValue).Read());
        Assert.That(exception!.Message, Does.Contain(expectation));
    }

    [TestCase("\"absent\"", "MixtralForCausalLM")]
    [TestCase("\"qwen2\"", "Qwen2MoeForCausalLM")]
    public void Another_architecture_is_refused_by_name_with_those_that_are_supported(string modelType, string architecture)
    {
        JsonObject json = ModelConfigFile.Of("qwen2").With("architectures", $"[\"{architecture}\"]").With("model_type", modelType);
        UnsupportedModelException? exception = Assert.Throws<UnsupportedModelException>(() => json.Read());
        Assert.That(exception!.Message, Does.Contain(architecture));
        foreach (string supported in (string[])["DeepseekV3", "DeepseekV2", "Qwen2", "Llama", "Qwen3"])
        {
            Assert.That(exception.Message, Does.Contain($"{supported}ForCausalLM"));
        }

        Assert.That(Path.GetFileName(exception.Path), Is.EqualTo("config.json"));
    }

    [TestCase("rope_scaling", "rope_type", "yarn")]
    [TestCase("rope_parameters", "rope_type", "yarn")]
    [TestCase("rope_parameters", "type", "yarn")]
    public void Scaling_is_read_under_either_name(string field, string typeField, string type)
    {
        JsonObject json = ModelConfigFile.Of("v3-bf16").With("rope_scaling", "absent").With(
            field, $$"""{"{{typeField}}":"{{type}}","factor":8,"original_max_position_embeddings":512,"rope_theta":30000}""");
        ModelConfig config = json.Read();
        Assert.That(config.RopeScaling, Is.EqualTo(new YarnScaling(8, 512, 32, 1, 1, 0)));
        Assert.That(config.RopeTheta, Is.EqualTo(30000));
        // mscale without mscale_all_dim: the softmax scale is plain.
        Assert.That(config.Attention.Cached.Scale, Is.EqualTo((float)(1 / Math.Sqrt(48))));
    }

    [TestCase("""{"rope_type":"default","rope_theta":20000}""")]
    [TestCase("""{"type":"default","rope_theta":20000}""")]
    [TestCase("""{"rope_theta":20000}""")]
    public void Default_rope_parameters_scale_nothing(string parameters)
    {
        ModelConfig config = ModelConfigFile.Of("v3-bf16").With("rope_scaling", "absent").With("rope_parameters", parameters).Read();
        Assert.That((config.RopeScaling, config.RopeTheta), Is.EqualTo(((RopeScaling?)null, 20000.0)));
    }

    [Test]
    public void The_original_length_defaults_to_the_length()
        => Assert.That(
            ModelConfigFile.Of("v3-bf16").With("rope_scaling.original_max_position_embeddings", "absent").Read().RopeScaling!.OriginalMaxPositions,
            Is.EqualTo(2560));

    [TestCase("5", null, new[] { 5 })]
    [TestCase("[5, 6]", null, new[] { 5, 6 })]
    [TestCase("5", """{"eos_token_id": [7, 8]}""", new[] { 7, 8 })]
    [TestCase("5", """{"eos_token_id": 9}""", new[] { 9 })]
    [TestCase("5", """{"eos_token_id": null}""", new[] { 5 })]
    [TestCase("5", "{}", new[] { 5 })]
    [TestCase("absent", """{"eos_token_id": 9}""", new[] { 9 })]
    public void End_tokens_come_from_the_generation_config_where_it_names_any(string own, string? generationConfig, int[] expected)
        => Assert.That(ModelConfigFile.Of("v3-bf16").With("eos_token_id", own).Read(generationConfig).EosTokens, Is.EqualTo(expected));

    [Test]
    public void An_end_token_beyond_the_vocabulary_is_refused_in_the_file_that_says_it()
    {
        ModelFormatException? exception = Assert.Throws<ModelFormatException>(
            () => ModelConfigFile.Of("v3-bf16").Read("""{"eos_token_id": [1, 320]}"""));
        Assert.That(Path.GetFileName(exception!.Path), Is.EqualTo("generation_config.json"));
        Assert.That(exception.Message, Does.Contain("[1, 320]").And.Contain("vocab_size of 320"));
    }

    [TestCase("vocab_size", "absent", "missing; expected an integer from 1 to 16777216")]
    [TestCase("vocab_size", "null", "missing")]
    [TestCase("vocab_size", "0", "is 0; expected an integer from 1")]
    [TestCase("vocab_size", "16777217", "from 1 to 16777216")]
    [TestCase("vocab_size", "320.5", "is 320.5")]
    [TestCase("vocab_size", "\"320\"", "is \"320\"")]
    [TestCase("vocab_size", "1e30", "is 1e30")]
    [TestCase("hidden_size", "-1", "is -1")]
    [TestCase("hidden_size", "1048577", "from 1 to 1048576")]
    [TestCase("num_hidden_layers", "0", "is 0")]
    [TestCase("num_hidden_layers", "10001", "from 1 to 10000")]
    [TestCase("num_nextn_predict_layers", "-1", "is -1")]
    [TestCase("num_attention_heads", "absent", "missing")]
    [TestCase("num_attention_heads", "65536", "the width of a head", "qk_nope_head_dim", "65536")]
    [TestCase("num_attention_heads", "65536", "the width of a head", "v_head_dim", "65536")]
    [TestCase("num_attention_heads", "65536", "of the latent (kv_lora_rank), of at most 16777216", "kv_lora_rank", "256")]
    [TestCase("qk_nope_head_dim", "2147483648", "is 2147483648")]
    [TestCase("qk_rope_head_dim", "15", "even")]
    [TestCase("qk_rope_head_dim", "0", "is 0")]
    [TestCase("v_head_dim", "{}", "is {}")]
    [TestCase("kv_lora_rank", "null", "missing")]
    [TestCase("q_lora_rank", "0", "is 0")]
    [TestCase("intermediate_size", "[]", "is []")]
    [TestCase("max_position_embeddings", "-5", "is -5")]
    [TestCase("rms_norm_eps", "0", "a number from 1E-12 to 1")]
    [TestCase("rms_norm_eps", "-1e-6", "is -1e-6")]
    [TestCase("rms_norm_eps", "1e999", "is 1e999")]
    [TestCase("rope_theta", "1", "is 1")]
    [TestCase("rope_theta", "\"x\"", "is \"x\"")]
    [TestCase("tie_word_embeddings", "1", "expected true or false")]
    [TestCase("eos_token_id", "320", "is 320")]
    [TestCase("eos_token_id", "[1, -1]", "is [1,-1]")]
    [TestCase("eos_token_id", "\"</s>\"", "expected an integer")]
    [TestCase("architectures", "\"DeepseekV3ForCausalLM\"", "expected an array of strings")]
    [TestCase("architectures", "[7]", "expected an array of strings")]
    [TestCase("architectures", "absent", "missing", "model_type", "absent")]
    [TestCase("model_type", "7", "expected a string", "architectures", "absent")]
    [TestCase("hidden_act", "7", "expected a string")]
    [TestCase("n_routed_experts", "-8", "is -8")]
    [TestCase("n_routed_experts", "1000000", "is 1000000")]
    [TestCase("moe_intermediate_size", "absent", "missing")]
    [TestCase("moe_intermediate_size", "0", "is 0")]
    [TestCase("n_shared_experts", "60000", "n_shared_experts * moe_intermediate_size", "moe_intermediate_size", "1000")]
    [TestCase("n_shared_experts", "-1", "is -1")]
    [TestCase("first_k_dense_replace", "-1", "is -1")]
    [TestCase("moe_layer_freq", "0", "is 0")]
    [TestCase("num_experts_per_tok", "absent", "missing")]
    [TestCase("num_experts_per_tok", "0", "is 0")]
    [TestCase("num_experts_per_tok", "9", "at most the 8 of n_routed_experts")]
    [TestCase("num_experts_per_tok", "5", "at most the 4 experts of the 2 groups")]
    [TestCase("n_group", "3", "a divisor of the 8 of n_routed_experts")]
    [TestCase("n_group", "0", "is 0")]
    [TestCase("n_group", "8", "at least two experts a group")]
    [TestCase("topk_group", "5", "at most the 4 of n_group")]
    [TestCase("topk_group", "0", "is 0")]
    [TestCase("topk_group", "absent", "missing")]
    [TestCase("norm_topk_prob", "\"yes\"", "expected true or false")]
    [TestCase("routed_scaling_factor", "0", "is 0")]
    [TestCase("routed_scaling_factor", "-2.5", "is -2.5")]
    [TestCase("rope_scaling", "\"yarn\"", "expected an object")]
    [TestCase("rope_scaling.type", "absent", "'rope_scaling.type' is missing")]
    [TestCase("rope_scaling.factor", "absent", "'rope_scaling.factor' is missing")]
    [TestCase("rope_scaling.factor", "0", "'rope_scaling.factor' is 0")]
    [TestCase("rope_scaling.factor", "-40", "is -40")]
    [TestCase("rope_scaling.factor", "\"NaN\"", "is \"NaN\"")]
    [TestCase("rope_scaling.original_max_position_embeddings", "0", "is 0")]
    [TestCase("rope_scaling.beta_fast", "0", "is 0")]
    [TestCase("rope_scaling.beta_slow", "64", "at least beta_slow")]
    [TestCase("rope_scaling.mscale", "-1", "is -1")]
    [TestCase("rope_scaling.mscale_all_dim", "1e6", "is 1e6")]
    [TestCase("quantization_config", "[]", "expected an object")]
    [TestCase("quantization_config", """{"quant_method":"fp8","weight_block_size":[128]}""", "[rows, columns]")]
    [TestCase("quantization_config", """{"quant_method":"fp8","weight_block_size":[0,128]}""", "is [0,128]")]
    [TestCase("quantization_config", """{"quant_method":"fp8","weight_block_size":"128"}""", "is \"128\"")]
    public void An_absurd_value_is_refused_naming_file_field_value_and_expectation(
        string field, string json, string phrase, string? otherField = null, string? otherJson = null)
    {
        JsonObject config = ModelConfigFile.Of("v3-bf16").With(field, json);
        if (otherField is not null)
        {
            config.With(otherField, otherJson!);
        }

        ModelFormatException? exception = Assert.Throws<ModelFormatException>(() => config.Read());
        string named = phrase.Contains("beta_slow", StringComparison.Ordinal) ? "rope_scaling.beta_fast" : field;
        Assert.That(exception!.Message, Does.Contain(phrase).And.Contain($"'{named}").And.Contain("expected"));
        Assert.That(Path.GetFileName(exception.Path), Is.EqualTo("config.json"));
    }

    [TestCase("v3-bf16", "architectures", "[\"DeepseekV32ForCausalLM\"]", "DeepseekV32ForCausalLM")]
    [TestCase("v3-bf16", "architectures", "[]", "model_type mixtral", "model_type", "\"mixtral\"")]
    [TestCase("v3-bf16", "hidden_act", "\"gelu\"", "'hidden_act' is \"gelu\"; supported: \"silu\"")]
    [TestCase("v3-bf16", "attention_bias", "true", "'attention_bias' is true")]
    [TestCase("v3-bf16", "rope_interleave", "false", "'rope_interleave' is false")]
    [TestCase("v3-bf16", "scoring_func", "\"softmax\"", "'scoring_func' is \"softmax\"; supported: \"sigmoid\"")]
    [TestCase("v2-grouped", "scoring_func", "\"sigmoid\"", "'scoring_func' is \"sigmoid\"; supported: \"softmax\"")]
    [TestCase("v3-bf16", "topk_method", "\"greedy\"", "'topk_method' is \"greedy\"; supported: \"noaux_tc\"")]
    [TestCase("v2-grouped", "topk_method", "\"noaux_tc\"", "'topk_method' is \"noaux_tc\"; supported: \"greedy\" and")]
    [TestCase("v3-bf16", "rope_scaling.type", "\"linear\"", "'rope_scaling.type' is \"linear\"")]
    [TestCase("v3-bf16", "rope_scaling.rope_type", "\"llama3\"", "'rope_scaling.rope_type' is \"llama3\"")]
    [TestCase("v3-bf16", "rope_scaling.attention_factor", "1.3", "'rope_scaling.attention_factor' is 1.3")]
    [TestCase("v3-fp8", "quantization_config.quant_method", "\"awq\"", "'quantization_config.quant_method' is \"awq\"")]
    [TestCase("v3-fp8", "quantization_config.quant_method", "absent", "is missing")]
    [TestCase("v3-fp8", "quantization_config.fmt", "\"e5m2\"", "'quantization_config.fmt' is \"e5m2\"")]
    [TestCase("v3-fp8", "quantization_config.weight_block_size", "null", "'quantization_config.weight_block_size' is missing")]
    public void A_well_formed_model_of_another_kind_is_unsupported(
        string fixture, string field, string json, string phrase, string? otherField = null, string? otherJson = null)
    {
        JsonObject config = ModelConfigFile.Of(fixture).With(field, json);
        if (otherField is not null)
        {
            config.With(otherField, otherJson!);
        }

        UnsupportedModelException? exception = Assert.Throws<UnsupportedModelException>(() => config.Read());
        Assert.That(exception!.Message, Does.Contain(phrase).And.Contain("supported"));
        Assert.That(Path.GetFileName(exception.Path), Is.EqualTo("config.json"));
    }

    [TestCase("", "not valid JSON")]
    [TestCase("[]", "holds a JSON array; expected an object")]
    [TestCase("null", "holds a JSON null")]
    [TestCase("""{"vocab_size": NaN}""", "not valid JSON")]
    [TestCase("""{"vocab_size": 1, "vocab_size": 2}""", "not valid JSON")]
    [TestCase("""{"architectures": ["\ud800"]}""", "expected an array of strings")]
    public void A_file_that_is_not_one_JSON_object_is_refused(string text, string phrase)
        => Assert.That(() => ModelConfigFile.ReadText(text), Throws.InstanceOf<ModelFormatException>().With.Message.Contains(phrase));

    [Test]
    public void A_missing_file_and_a_missing_directory_are_named()
    {
        using TemporaryDirectory directory = new();
        string file = Path.Combine(directory.Path, "config.json");
        ModelFormatException? missing = Assert.Throws<ModelFormatException>(() => ModelConfigReader.Read(directory.Path));
        Assert.That((missing!.Path, missing.Message.Contains("does not exist", StringComparison.Ordinal)), Is.EqualTo((file, true)));
        ModelFormatException? nowhere = Assert.Throws<ModelFormatException>(() => ModelConfigReader.Read(file));
        Assert.That((nowhere!.Path, nowhere.Message.Contains("not a directory", StringComparison.Ordinal)), Is.EqualTo((file, true)));
    }

    [Test]
    public void A_gigantic_file_is_refused_unread()
    {
        using TemporaryDirectory directory = new();
        string path = directory.Write("config.json", "{}");
        using (FileStream sparse = new(path, FileMode.Open))
        {
            sparse.SetLength((1 << 24) + 1);
        }

        Assert.That(
            () => ModelConfigReader.Read(directory.Path), Throws.InstanceOf<ModelFormatException>().With.Message.Contains("at most"));
    }

    [Test]
    public void Any_field_may_hold_anything_and_only_typed_exceptions_come_of_it()
    {
        string[] values = ["absent", "null", "-1", "0", "1", "1e30", "1e999", "2147483647", "\"x\"", "[]", "{}", "true", "[[1]]"];
        int accepted = 0;
        int refused = 0;
        foreach (string fixture in (string[])["v3-fp8", "v2-grouped", "moonlight"])
        {
            foreach (string field in Fields(ModelConfigFile.Of(fixture)))
            {
                foreach (string value in values)
                {
                    if (IsTyped(ModelConfigFile.Of(fixture).With(field, value).ToJsonString(), $"{fixture} {field} {value}"))
                    {
                        accepted++;
                    }
                    else
                    {
                        refused++;
                    }
                }
            }
        }

        Assert.That(accepted, Is.GreaterThan(300));
        Assert.That(refused, Is.GreaterThan(600));
    }

    [Test]
    public void A_mutated_file_is_read_or_refused_with_a_typed_exception()
    {
        string original = ModelConfigFile.Of("v3-fp8").ToJsonString();
        Random random = new(3);
        int accepted = 0;
        for (int variant = 0; variant < 2000; variant++)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(original);
            for (int flips = random.Next(1, 4); flips > 0; flips--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(32, 127);
            }

            string text = Encoding.UTF8.GetString(bytes);
            accepted += IsTyped(text, text) ? 1 : 0;
        }

        Assert.That(accepted, Is.InRange(50, 1500));
    }

    private static MlaConfig Mla(ModelConfig config) => (MlaConfig)config.Attention;

    /// <summary>True if the text is accepted, false if it is refused properly; anything else fails the test.</summary>
    private static bool IsTyped(string config, string what)
    {
        try
        {
            ModelConfig read = ModelConfigFile.ReadText(config);
            Assert.That(float.IsFinite(read.Attention.Cached.Scale) && read.Attention.Cached.Scale > 0, what);
            foreach (double frequency in RotaryFrequencies.Of(read).Frequencies)
            {
                Assert.That(double.IsFinite(frequency) && frequency >= 0, what);
            }

            return true;
        }
        catch (DeepSeekException exception) when (exception is ModelFormatException or UnsupportedModelException)
        {
            return false;
        }
    }

    private static IEnumerable<string> Fields(JsonObject config)
        => config.SelectMany(field => field.Value is JsonObject nested
            ? nested.Select(inner => $"{field.Key}.{inner.Key}").Append(field.Key)
            : [field.Key]);
}
