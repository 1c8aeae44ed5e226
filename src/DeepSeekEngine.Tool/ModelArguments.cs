using System.CommandLine;

namespace DeepSeekEngine.Tool;

/// <summary>The arguments that say which model is loaded, and how.</summary>
internal sealed class ModelArguments
{
    private readonly Argument<string> _directory = Directory();

    private readonly Option<Device> _device = Choice("--device", "What it is computed on (default: auto).", Enum.GetValues<Device>());

    private readonly Option<WeightFormat> _weights = Choice(
        "--weights", "The format the large matrices are computed from (default: asstored).", Enum.GetValues<WeightFormat>());

    private readonly Option<KvCachePrecision> _kvCache = KvCache();

    private readonly Option<int?> _context = Number(
        "--context", 2, "Tokens a conversation may have (default: what it was made for, at most 8192).");

    private readonly Option<int?> _threads = Number("--threads", 1, "Threads that compute on the CPU (default: one a core).");

    public void AddTo(Command command)
    {
        command.Add(_directory);
        command.Add(_device);
        command.Add(_weights);
        command.Add(_kvCache);
        command.Add(_context);
        command.Add(_threads);
    }

    public async Task<DeepSeekModel> LoadAsync(ParseResult parsed, Terminal terminal)
    {
        var options = new EngineOptions
        {
            Device = parsed.GetValue(_device),
            Weights = parsed.GetValue(_weights),
            KvCache = parsed.GetValue(_kvCache),
            ContextLength = parsed.GetValue(_context),
            Threads = parsed.GetValue(_threads),
        };
        return await LoadingBar.LoadAsync(parsed.GetRequiredValue(_directory), options, terminal);
    }

    /// <summary>The directory of a checkpoint.</summary>
    public static Argument<string> Directory() => new("model")
    {
        Description = "The model's directory: config.json, tokenizer.json and safetensors files.",
    };

    /// <summary>What the cache is kept as.</summary>
    public static Option<KvCachePrecision> KvCache() => Choice(
        "--kv-cache", "What the key-value cache is kept as (default: auto, what is fastest).", Enum.GetValues<KvCachePrecision>());

    /// <summary>An option for a whole number that is not less than <paramref name="least"/>.</summary>
    public static Option<int?> Number(string name, int least, string description)
    {
        var option = new Option<int?>(name) { Description = description, HelpName = "number" };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && int.TryParse(token.Value, out var value) && value < least)
            {
                result.AddError($"{name} must be at least {least}, not {value}.");
            }
        });
        return option;
    }

    /// <summary>An option for one of the given members of an enumeration, by name, in any case.</summary>
    public static Option<T> Choice<T>(string name, string description, params T[] members)
        where T : struct, Enum
    {
        var words = members.Select(member => member.ToString().ToLowerInvariant()).ToArray();
        var option = new Option<T>(name)
        {
            Description = description,
            HelpName = string.Join('|', words),
            CustomParser = result =>
            {
                var place = Array.IndexOf(words, result.Tokens[0].Value.ToLowerInvariant());
                if (place < 0)
                {
                    result.AddError($"{name} must be one of {string.Join(", ", words)}, not {result.Tokens[0].Value}.");
                    return default;
                }

                return members[place];
            },
        };
        option.CompletionSources.Add(words);
        return option;
    }
}
