using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace DeepSeekEngine.Extensions.AI;

/// <summary>Whether the model answers: not while it is loading, and not if that failed.</summary>
internal sealed class DeepSeekModelHealthCheck(DeepSeekModelHost host) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (host.Model is { } model)
        {
            return Task.FromResult(HealthCheckResult.Healthy($"{model.Info.Name} is loaded on {model.Info.Device}."));
        }

        var failure = host.Failure;
        var progress = host.Progress;
        var description = failure is null
            ? string.Create(CultureInfo.InvariantCulture, $"The model is not loaded: {progress.Stage}, {progress.Fraction:P0} of its weights.")
            : $"The model failed to load: {failure.Message}";
        return Task.FromResult(new HealthCheckResult(context.Registration.FailureStatus, description, failure));
    }
}
