using Microsoft.Extensions.Options;

namespace DeepSeekEngine.Extensions.AI;

/// <summary>Checks the options as the engine itself would, before anything is loaded.</summary>
internal sealed class DeepSeekEngineOptionsValidator : IValidateOptions<DeepSeekEngineOptions>
{
    public ValidateOptionsResult Validate(string? name, DeepSeekEngineOptions options)
    {
        if (string.IsNullOrWhiteSpace(options.Directory))
        {
            return ValidateOptionsResult.Fail($"{nameof(DeepSeekEngineOptions)}.{nameof(options.Directory)} must name a checkpoint directory.");
        }

        if (options.ModelId is not null && string.IsNullOrWhiteSpace(options.ModelId))
        {
            return ValidateOptionsResult.Fail($"{nameof(DeepSeekEngineOptions)}.{nameof(options.ModelId)} must be null or a name.");
        }

        try
        {
            options.ToEngineOptions();
            return ValidateOptionsResult.Success;
        }
        catch (ArgumentOutOfRangeException exception)
        {
            return ValidateOptionsResult.Fail($"{nameof(DeepSeekEngineOptions)}.{exception.Message}");
        }
    }
}
