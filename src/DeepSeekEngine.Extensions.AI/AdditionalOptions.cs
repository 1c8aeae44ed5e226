using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace DeepSeekEngine.Extensions.AI;

/// <summary>What <see cref="GenerationOptions"/> has and <see cref="ChatOptions"/> lacks, as additional properties.</summary>
internal static class AdditionalOptions
{
    private const string MaxThinkingTokens = "max_thinking_tokens";
    private const string ForceThinking = "force_thinking";
    private const string MinP = "min_p";
    private const string RepetitionPenalty = "repetition_penalty";
    private const string TopLogProbabilities = "top_log_probabilities";

    /// <summary>The options with those of the properties they leave open.</summary>
    /// <exception cref="NotSupportedException">A property is not known.</exception>
    /// <exception cref="ArgumentException">A property is not of its type.</exception>
    public static GenerationOptions Merge(GenerationOptions options, AdditionalPropertiesDictionary? properties)
    {
        foreach (var (name, value) in properties ?? [])
        {
            options = name switch
            {
                _ when value is null && IsKnown(name) => options,
                MaxThinkingTokens => options with { MaxThinkingTokens = options.MaxThinkingTokens ?? Integer(name, value!) },
                ForceThinking => options with { ForceThinking = options.ForceThinking || Boolean(name, value!) },
                MinP => options with { MinP = options.MinP ?? (float)Number(name, value!) },
                RepetitionPenalty => options with { RepetitionPenalty = options.RepetitionPenalty ?? (float)Number(name, value!) },
                TopLogProbabilities => options with { TopLogProbabilities = options.TopLogProbabilities ?? Integer(name, value!) },
                _ => throw new NotSupportedException(
                    $"{nameof(ChatOptions)}.{nameof(ChatOptions.AdditionalProperties)} has '{name}', which DeepSeekEngine does not know. It knows "
                    + $"{MaxThinkingTokens}, {ForceThinking}, {MinP}, {RepetitionPenalty} and {TopLogProbabilities}."),
            };
        }

        return options;
    }

    private static bool IsKnown(string name) => name is MaxThinkingTokens or ForceThinking or MinP or RepetitionPenalty or TopLogProbabilities;

    private static int Integer(string name, object value)
    {
        var number = Number(name, value);
        return number is >= int.MinValue and <= int.MaxValue && double.IsInteger(number) ? (int)number : throw Wrong(name, value, "an integer");
    }

    private static double Number(string name, object value) => value switch
    {
        JsonElement { ValueKind: JsonValueKind.Number } json => json.GetDouble(),
        int or long or float or double or decimal => Convert.ToDouble(value, CultureInfo.InvariantCulture),
        _ => throw Wrong(name, value, "a number"),
    };

    private static bool Boolean(string name, object value) => value switch
    {
        bool boolean => boolean,
        JsonElement { ValueKind: JsonValueKind.True or JsonValueKind.False } json => json.GetBoolean(),
        _ => throw Wrong(name, value, "true or false"),
    };

    private static ArgumentException Wrong(string name, object value, string expected)
        => new($"{nameof(ChatOptions)}.{nameof(ChatOptions.AdditionalProperties)}['{name}'] is {value}; it must be {expected}.");
}
