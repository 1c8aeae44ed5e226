namespace DeepSeekEngine.Model;

/// <summary>What generation_config.json recommends; null where it says nothing.</summary>
internal sealed record GenerationDefaults
{
    public const string FileName = "generation_config.json";

    /// <summary>False: take the likeliest token, whatever the temperature.</summary>
    public bool? DoSample { get; init; }

    public float? Temperature { get; init; }

    /// <summary>Sample from the likeliest tokens whose probabilities sum to this; in (0, 1].</summary>
    public float? TopP { get; init; }

    /// <summary>Sample from this many of the likeliest tokens; 0 for all.</summary>
    public int? TopK { get; init; }

    /// <summary>Sample from the tokens at least this times as likely as the likeliest; in [0, 1].</summary>
    public float? MinP { get; init; }

    /// <summary>Divides the logits of tokens that have occurred.</summary>
    public float? RepetitionPenalty { get; init; }

    public int? MaxNewTokens { get; init; }

    /// <summary>Tokens that end an answer, in place of config.json's.</summary>
    public int[]? EosTokens { get; init; }

    /// <summary>All null where the directory has no such file.</summary>
    /// <exception cref="ModelFormatException">The file is malformed or a value is absurd.</exception>
    public static GenerationDefaults Read(string directory)
    {
        string path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
        {
            return new GenerationDefaults();
        }

        ModelConfigJson json = ModelConfigJson.Read(path);
        return new GenerationDefaults
        {
            DoSample = json.OptionalBoolean("do_sample"),
            Temperature = (float?)json.OptionalNumber("temperature", 0, 100),
            TopP = (float?)json.OptionalNumber("top_p", 1e-6, 1),
            TopK = json.OptionalInteger("top_k", 0, int.MaxValue),
            MinP = (float?)json.OptionalNumber("min_p", 0, 1),
            RepetitionPenalty = (float?)json.OptionalNumber("repetition_penalty", 0.01, 100),
            MaxNewTokens = json.OptionalInteger("max_new_tokens", 1, int.MaxValue),
            EosTokens = json.OptionalIntegers("eos_token_id", 0, int.MaxValue),
        };
    }
}
