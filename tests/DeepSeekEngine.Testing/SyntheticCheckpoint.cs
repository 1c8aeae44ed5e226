using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Testing;

/// <summary>
/// Writes checkpoints of random BF16 weights in any size, with the sample model's tokenizer: for what depends on sizes and not on sense.
/// </summary>
internal static class SyntheticCheckpoint
{
    /// <param name="changes">
    /// Fields of the sample model's config.json that are to be different. There is no multi-token-prediction module unless
    /// num_nextn_predict_layers is among them; with one, layers are computed but add nothing, so that the next token depends on the last
    /// alone, and the module, which is given that, is always right.
    /// </param>
    public static void Write(string directory, params (string Field, int Value)[] changes)
    {
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(TestPaths.TinyR1, "config.json")))!;
        config["num_nextn_predict_layers"] = 0;
        foreach (var (field, value) in changes)
        {
            config[field] = value;
        }

        Write(directory, config, Tensors(field => config[field]!.GetValue<int>()));
    }

    /// <summary>A model of grouped-query attention with biases, and as many tokens as the sample model has.</summary>
    /// <param name="tied">Whether the head is the embedding.</param>
    /// <param name="changes">Fields of its config.json that are to be different.</param>
    public static void WriteDense(string directory, bool tied, params (string Field, int Value)[] changes)
    {
        var sample = JsonNode.Parse(File.ReadAllText(Path.Combine(TestPaths.TinyR1, "config.json")))!;
        var config = new JsonObject
        {
            ["architectures"] = new JsonArray("Qwen2ForCausalLM"),
            ["vocab_size"] = sample["vocab_size"]!.GetValue<int>(),
            ["eos_token_id"] = sample["eos_token_id"]!.GetValue<int>(),
            ["max_position_embeddings"] = 2048,
            ["hidden_size"] = 128,
            ["num_hidden_layers"] = 3,
            ["num_attention_heads"] = 6,
            ["num_key_value_heads"] = 2,
            ["head_dim"] = 32,
            ["intermediate_size"] = 256,
            ["tie_word_embeddings"] = tied,
            ["num_nextn_predict_layers"] = 0,
        };
        foreach (var (field, value) in changes)
        {
            config[field] = value;
        }

        Write(directory, config, DenseTensors(field => config[field]!.GetValue<int>(), tied));
    }

    private static void Write(string directory, JsonNode config, IEnumerable<(string Name, long[] Shape)> tensors)
    {
        File.WriteAllText(Path.Combine(directory, "config.json"), config.ToJsonString());
        foreach (var file in (string[])["tokenizer.json", "tokenizer_config.json", "generation_config.json"])
        {
            File.Copy(Path.Combine(TestPaths.TinyR1, file), Path.Combine(directory, file), overwrite: true);
        }

        var plans = tensors
            .Select(tensor => new TensorPlan(tensor.Name, "BF16", tensor.Shape, tensor.Shape.Aggregate(2L, (a, b) => a * b))).ToList();
        var metadata = new Dictionary<string, string> { ["format"] = "pt" };
        using var writer = new SafetensorsWriter(Path.Combine(directory, "model.safetensors"), plans, metadata);
        var random = new Random(1);
        var addsNothing = config["num_nextn_predict_layers"]!.GetValue<int>() > 0;
        foreach (var plan in plans)
        {
            var values = new ushort[plan.ByteLength / 2];
            var isNorm = plan.Shape.Length == 1 && !plan.Name.EndsWith("proj.bias", StringComparison.Ordinal);
            for (var i = 0; i < values.Length; i++)
            {
                var value = 0.2f * (random.NextSingle() - 0.5f);
                if (isNorm)
                {
                    value = 1;
                }
                else if (plan.Name.EndsWith("eh_proj.weight", StringComparison.Ordinal))
                {
                    // What it is given as the last token's embedding.
                    value = i % plan.Shape[1] == i / plan.Shape[1] ? 1 : 0;
                }
                else if (addsNothing && (plan.Name.EndsWith("o_proj.weight", StringComparison.Ordinal)
                    || plan.Name.EndsWith("down_proj.weight", StringComparison.Ordinal)))
                {
                    value = 0;
                }

                values[i] = (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);
            }

            writer.Write(plan.Name, 0, MemoryMarshal.AsBytes(values.AsSpan()));
        }

        writer.Complete(metadata);
    }

    private static IEnumerable<(string Name, long[] Shape)> Tensors(Func<string, int> config)
    {
        int hidden = config("hidden_size"), heads = config("num_attention_heads"), latent = config("kv_lora_rank");
        int nope = config("qk_nope_head_dim"), rope = config("qk_rope_head_dim"), value = config("v_head_dim");
        int rank = config("q_lora_rank"), expertWidth = config("moe_intermediate_size"), experts = config("n_routed_experts");
        yield return ("model.embed_tokens.weight", [config("vocab_size"), hidden]);
        yield return ("lm_head.weight", [config("vocab_size"), hidden]);
        yield return ("model.norm.weight", [hidden]);
        var layers = config("num_hidden_layers");
        for (var layer = 0; layer < layers + config("num_nextn_predict_layers"); layer++)
        {
            var prefix = $"model.layers.{layer}.";
            if (layer >= layers)
            {
                yield return ($"{prefix}enorm.weight", [hidden]);
                yield return ($"{prefix}hnorm.weight", [hidden]);
                yield return ($"{prefix}eh_proj.weight", [hidden, 2 * hidden]);
                yield return ($"{prefix}shared_head.norm.weight", [hidden]);
            }

            yield return ($"{prefix}input_layernorm.weight", [hidden]);
            yield return ($"{prefix}post_attention_layernorm.weight", [hidden]);
            yield return ($"{prefix}self_attn.q_a_proj.weight", [rank, hidden]);
            yield return ($"{prefix}self_attn.q_a_layernorm.weight", [rank]);
            yield return ($"{prefix}self_attn.q_b_proj.weight", [heads * (nope + rope), rank]);
            yield return ($"{prefix}self_attn.kv_a_proj_with_mqa.weight", [latent + rope, hidden]);
            yield return ($"{prefix}self_attn.kv_a_layernorm.weight", [latent]);
            yield return ($"{prefix}self_attn.kv_b_proj.weight", [heads * (nope + value), latent]);
            yield return ($"{prefix}self_attn.o_proj.weight", [hidden, heads * value]);
            if (layer < config("first_k_dense_replace"))
            {
                foreach (var tensor in SwiGlu($"{prefix}mlp.", hidden, config("intermediate_size")))
                {
                    yield return tensor;
                }

                continue;
            }

            yield return ($"{prefix}mlp.gate.weight", [experts, hidden]);
            yield return ($"{prefix}mlp.gate.e_score_correction_bias", [experts]);
            var shared = SwiGlu($"{prefix}mlp.shared_experts.", hidden, config("n_shared_experts") * expertWidth);
            var routed = Enumerable.Range(0, experts).SelectMany(e => SwiGlu($"{prefix}mlp.experts.{e}.", hidden, expertWidth));
            foreach (var tensor in shared.Concat(routed))
            {
                yield return tensor;
            }
        }
    }

    private static IEnumerable<(string Name, long[] Shape)> DenseTensors(Func<string, int> config, bool tied)
    {
        int hidden = config("hidden_size"), width = config("head_dim");
        (string Projection, int Rows)[] projections =
            [("q", config("num_attention_heads") * width), ("k", config("num_key_value_heads") * width), ("v", config("num_key_value_heads") * width)];
        yield return ("model.embed_tokens.weight", [config("vocab_size"), hidden]);
        yield return ("model.norm.weight", [hidden]);
        if (!tied)
        {
            yield return ("lm_head.weight", [config("vocab_size"), hidden]);
        }

        for (var layer = 0; layer < config("num_hidden_layers"); layer++)
        {
            var prefix = $"model.layers.{layer}.";
            yield return ($"{prefix}input_layernorm.weight", [hidden]);
            yield return ($"{prefix}post_attention_layernorm.weight", [hidden]);
            foreach (var (projection, rows) in projections)
            {
                yield return ($"{prefix}self_attn.{projection}_proj.weight", [rows, hidden]);
                yield return ($"{prefix}self_attn.{projection}_proj.bias", [rows]);
            }

            yield return ($"{prefix}self_attn.o_proj.weight", [hidden, projections[0].Rows]);
            foreach (var tensor in SwiGlu($"{prefix}mlp.", hidden, config("intermediate_size")))
            {
                yield return tensor;
            }
        }
    }

    private static IEnumerable<(string Name, long[] Shape)> SwiGlu(string prefix, int hidden, int width) =>
    [
        ($"{prefix}gate_proj.weight", [width, hidden]),
        ($"{prefix}up_proj.weight", [width, hidden]),
        ($"{prefix}down_proj.weight", [hidden, width]),
    ];
}
