using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using DeepSeekEngine.Benchmarks.Synthetic;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Benchmarks.Compare;

/// <summary>
/// The model command's measurements made with PyTorch and Hugging Face transformers, where this machine has them: <c>--shape --context
/// --prompt --decode --rounds --device cuda|cpu --python python3</c>.
/// </summary>
internal static class TransformersCommand
{
    private const string Note =
        "PyTorch with Hugging Face transformers, weights random in BF16, attention as it comes; medians. To be set beside the command model.";

    public static void Run(Options arguments)
    {
        var (prompt, decode) = (arguments.Number("prompt", 512), arguments.Number("decode", 32));
        var device = arguments.Text("device", "cuda");
        var table = new MarkdownTable("model", "context", $"prefill {prompt} t/s", $"decode {decode} t/s");
        var notes = new List<string> { Note };
        foreach (var shape in arguments.List("shape", "v2-lite"))
        {
            foreach (var answer in Ask(arguments, shape, prompt, decode, device))
            {
                if (answer["missing"] is { } missing)
                {
                    table.Add(shape, $"not installed: {missing}", "", "");
                }
                else if (answer["versions"] is { } versions)
                {
                    notes.Add($"{versions}.");
                }
                else
                {
                    table.Add(
                        shape, $"{answer["context"]}", $"{prompt / Median(answer["prefill"]!):F1}", $"{decode / Median(answer["decode"]!):F2}");
                }
            }
        }

        Report.Write(arguments, "transformers", notes, table);

        static double Median(JsonNode seconds) => Statistics.Median(seconds.AsArray().Select(value => value!.GetValue<double>()));
    }

    /// <summary>The fields of config.json by which transformers makes the model.</summary>
    internal static JsonObject Config(ModelConfig config)
    {
        var (mla, router) = ((MlaConfig)config.Attention, config.Router!.Value);
        var attention = mla.Shape;
        return new JsonObject
        {
            ["model_type"] = config.Architecture is Architecture.DeepSeekV2 ? "deepseek_v2" : "deepseek_v3",
            ["vocab_size"] = config.VocabSize,
            ["hidden_size"] = config.HiddenSize,
            ["num_hidden_layers"] = config.Layers,
            ["q_lora_rank"] = mla.QLoraRank,
            ["kv_lora_rank"] = attention.Latent,
            ["qk_nope_head_dim"] = attention.Nope,
            ["qk_rope_head_dim"] = attention.Rope,
            ["v_head_dim"] = attention.Value,
            ["num_attention_heads"] = attention.Heads,
            ["num_key_value_heads"] = attention.Heads,
            ["intermediate_size"] = config.IntermediateSize,
            ["moe_intermediate_size"] = config.MoeIntermediateSize,
            ["n_routed_experts"] = router.Experts,
            ["num_experts_per_tok"] = router.ExpertsPerToken,
            ["n_group"] = router.Groups,
            ["topk_group"] = router.GroupsKept,
            ["topk_method"] = router.BiasCorrected ? "noaux_tc" : router.Groups > 1 ? "group_limited_greedy" : "greedy",
            ["scoring_func"] = router.Sigmoid ? "sigmoid" : "softmax",
            ["norm_topk_prob"] = router.Normalize,
            ["routed_scaling_factor"] = router.Scale,
            ["n_shared_experts"] = config.SharedExperts,
            ["first_k_dense_replace"] = config.FirstMoeLayer,
            ["moe_layer_freq"] = config.MoeLayerFrequency,
            ["rms_norm_eps"] = config.RmsNormEpsilon,
            ["rope_theta"] = config.RopeTheta,
            ["max_position_embeddings"] = config.MaxPositions,
            ["tie_word_embeddings"] = config.TiedEmbeddings,
        };
    }

    private static List<JsonNode> Ask(Options arguments, string shape, int prompt, int decode, string device)
    {
        var python = arguments.Text("python", "python3");
        var start = new ProcessStartInfo(python) { RedirectStandardOutput = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "gpu", "transformers_model.py"));
        start.ArgumentList.Add(new JsonObject
        {
            ["config"] = Config(Shapes.Of(shape)),
            ["device"] = device,
            ["contexts"] = new JsonArray([.. arguments.Numbers("context", "0").Select(context => (JsonNode)context)]),
            ["prompt"] = prompt,
            ["decode"] = decode,
            ["rounds"] = arguments.Number("rounds", 3),
        }.ToJsonString());
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception)
        {
            return [new JsonObject { ["missing"] = $"there is no {python}" }];
        }

        using (process)
        {
            var answers = new List<JsonNode>();
            while (process.StandardOutput.ReadLine() is { } line)
            {
                if (line.StartsWith('{'))
                {
                    answers.Add(JsonNode.Parse(line)!);
                }
            }

            process.WaitForExit();
            return process.ExitCode == 0
                ? answers
                : throw new BenchmarkFailedException($"{python} ended with {process.ExitCode}.");
        }
    }
}
