using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;

namespace ChatServer;

/// <summary>Where the server listens, once it does.</summary>
internal static class ListeningAddresses
{
    /// <summary>Whether nobody can reach it but from this machine.</summary>
    public static bool AreLoopback(IServer server) => Of(server).All(IsLoopback);

    /// <summary>Says so where anyone who reaches this machine can ask.</summary>
    public static void Warn(WebApplication app)
    {
        var server = app.Services.GetRequiredService<IServer>();
        if (app.Services.GetRequiredService<IOptions<ServerOptions>>().Value.ApiKey is null && !AreLoopback(server))
        {
            app.Logger.LogWarning(
                "Listening on {Addresses} without an API key: anyone who reaches this machine can use the model. Set Server__ApiKey.",
                string.Join(", ", Of(server)));
        }
    }

    private static ICollection<string> Of(IServer server) => server.Features.Get<IServerAddressesFeature>()?.Addresses ?? [];

    private static bool IsLoopback(string address)
    {
        var host = BindingAddress.Parse(address).Host;
        return host == "localhost" || (IPAddress.TryParse(host, out var ip) && IPAddress.IsLoopback(ip));
    }
}
