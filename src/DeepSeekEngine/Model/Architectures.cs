namespace DeepSeekEngine.Model;

/// <summary>What config.json calls the architectures this version computes.</summary>
internal static class Architectures
{
    private static readonly Entry[] All =
    [
        new(Architecture.DeepSeekV3, "DeepseekV3ForCausalLM", ["deepseek_v3", "kimi_k2"], "DeepSeek-R1, DeepSeek-V3, Moonlight"),
        new(Architecture.DeepSeekV2, "DeepseekV2ForCausalLM", ["deepseek_v2"], "DeepSeek-V2, DeepSeek-V2-Lite"),
        new(Architecture.Qwen2, "Qwen2ForCausalLM", ["qwen2"], "DeepSeek-R1-Distill-Qwen"),
        new(Architecture.Llama, "LlamaForCausalLM", ["llama"], "DeepSeek-R1-Distill-Llama"),
        new(Architecture.Qwen3, "Qwen3ForCausalLM", ["qwen3"], "DeepSeek-R1-0528-Qwen3"),
    ];

    /// <summary>All names, each with models of that architecture.</summary>
    public static string Supported => string.Join(", ", All.Select(entry => $"{entry.Name} ({entry.Models})"));

    /// <summary>The architecture of that name or model_type; null if it is none of these.</summary>
    public static Architecture? Find(string name)
        => Array.Find(All, entry => entry.Name == name || entry.ModelTypes.Contains(name))?.Architecture;

    /// <summary>What config.json names in <c>architectures</c>.</summary>
    public static string NameOf(Architecture architecture) => All.Single(entry => entry.Architecture == architecture).Name;

    /// <summary>Whether it is one of DeepSeek's own, with latent attention and, in most models, experts.</summary>
    public static bool IsDeepSeek(Architecture architecture) => architecture is Architecture.DeepSeekV2 or Architecture.DeepSeekV3;

    private sealed record Entry(Architecture Architecture, string Name, string[] ModelTypes, string Models);
}
