using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using DeepSeekEngine;
using DeepSeekEngine.Extensions.AI;
using Microsoft.Extensions.Options;

namespace ChatServer;

/// <summary>The model as callers know it.</summary>
internal sealed class ServedModel(DeepSeekModelHost host, IOptions<DeepSeekEngineOptions> options, TimeProvider time)
{
    private readonly long _created = time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>The model as the list of models has it.</summary>
    /// <exception cref="ApiException">It is not loaded.</exception>
    public ModelBody Describe() => new(IdOf(Loaded()), _created);

    /// <summary>What a request asks for.</summary>
    /// <param name="id">The model's name.</param>
    /// <exception cref="ApiException">It is not loaded, or not the one asked for.</exception>
    public DeepSeekModel Find(string? id)
    {
        if (string.IsNullOrEmpty(id))
        {
            throw ApiException.BadRequest("The model must be named.", "model");
        }

        var model = Loaded();
        return id == IdOf(model) ? model : throw new ApiException(
            StatusCodes.Status404NotFound, $"There is no model '{id}' here, but '{IdOf(model)}'.", "model", "model_not_found");
    }

    /// <summary>What a response of the model says of where it comes from.</summary>
    public ResponseOrigin Origin(DeepSeekModel model, string idPrefix) => new(
        $"{idPrefix}-{Guid.NewGuid():N}", time.GetUtcNow().ToUnixTimeSeconds(), IdOf(model), Fingerprint(model.Info));

    private string IdOf(DeepSeekModel model) => options.Value.ModelId ?? model.Info.Name;

    private DeepSeekModel Loaded()
    {
        if (host.Model is { } model)
        {
            return model;
        }

        // Why it failed is for the log: it names files of this machine.
        throw new ApiException(
            StatusCodes.Status503ServiceUnavailable,
            host.Failure is null
                ? string.Create(
                    CultureInfo.InvariantCulture, $"The model is not loaded: {host.Progress.Stage}, {host.Progress.Fraction:P0} of its weights.")
                : "The model could not be loaded.",
            code: "model_not_ready")
        {
            RetryAfter = host.Failure is null ? TimeSpan.FromSeconds(2) : null,
        };
    }

    /// <summary>The same as long as the same seed gives the same response.</summary>
    private static string Fingerprint(ModelInfo info)
    {
        var version = typeof(DeepSeekModel).Assembly.GetName().Version;
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{info} {version}"));
        return $"fp_{Convert.ToHexStringLower(hash.AsSpan(0, 5))}";
    }
}

/// <summary>What every response, and every piece of a streamed one, begins with.</summary>
internal sealed record ResponseOrigin(string Id, long Created, string Model, string SystemFingerprint);
