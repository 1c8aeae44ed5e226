using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;

namespace ChatServer;

/// <summary>How often an address may ask. It comes before the key is looked at, so that keys cannot be guessed faster either.</summary>
internal static class RateLimits
{
    public const string Policy = "requests";

    public static void Add(IServiceCollection services)
    {
        services.AddRateLimiter(limiter => limiter.OnRejected = (context, _) => throw new ApiException(
            StatusCodes.Status429TooManyRequests, "Too many requests from this address; try again later.", code: "rate_limit_exceeded")
        {
            RetryAfter = context.Lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? after : TimeSpan.FromSeconds(1),
        });
        services.AddOptions<RateLimiterOptions>().Configure<IOptions<ServerOptions>>((limiter, options) =>
        {
            var requests = options.Value.RequestsPerMinute;
            var bucket = new TokenBucketRateLimiterOptions
            {
                TokenLimit = requests, TokensPerPeriod = 1, ReplenishmentPeriod = TimeSpan.FromMinutes(1) / requests, QueueLimit = 0,
            };
            limiter.AddPolicy(
                Policy, context => RateLimitPartition.GetTokenBucketLimiter(Client(context.Connection.RemoteIpAddress), _ => bucket));
        });
    }

    /// <summary>Who asks. In version 6 one has a whole network of addresses, told apart by its first half.</summary>
    private static IPAddress Client(IPAddress? address)
    {
        if (address is null or { AddressFamily: not AddressFamily.InterNetworkV6 } or { IsIPv4MappedToIPv6: true })
        {
            return address?.MapToIPv4() ?? IPAddress.None;
        }

        var bytes = address.GetAddressBytes();
        bytes.AsSpan(bytes.Length / 2).Clear();
        return new IPAddress(bytes);
    }
}
