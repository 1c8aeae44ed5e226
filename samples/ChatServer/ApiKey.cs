using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;

namespace ChatServer;

/// <summary>Lets nobody through who does not send the key, if there is one, to anything that is not open to all.</summary>
internal sealed class ApiKey(RequestDelegate next, IOptions<ServerOptions> options)
{
    private const string Scheme = "Bearer ";

    // Hashes are of one length, and comparing them takes the same time wherever they differ.
    private readonly byte[]? _expected = options.Value.ApiKey is { } key ? Hash(key) : null;

    public Task InvokeAsync(HttpContext context)
    {
        if (_expected is null || context.GetEndpoint()?.Metadata.GetMetadata<IAllowAnonymous>() is not null || IsRight(context.Request))
        {
            return next(context);
        }

        context.Response.Headers.WWWAuthenticate = "Bearer";
        throw new ApiException(
            StatusCodes.Status401Unauthorized, "The API key is missing or wrong. Send it as 'Authorization: Bearer KEY'.", code: "invalid_api_key");
    }

    private bool IsRight(HttpRequest request)
    {
        var header = request.Headers.Authorization.ToString();
        return header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && CryptographicOperations.FixedTimeEquals(Hash(header[Scheme.Length..].Trim()), _expected);
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
