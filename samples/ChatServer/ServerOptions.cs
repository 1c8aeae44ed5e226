using System.ComponentModel.DataAnnotations;

namespace ChatServer;

/// <summary>Who may ask and how much; the section <c>Server</c> of the configuration.</summary>
internal sealed class ServerOptions
{
    public const string Section = "Server";

    /// <summary>What callers must send as a bearer token. Null: nothing.</summary>
    [MinLength(1)]
    public string? ApiKey { get; set; }

    /// <summary>Bytes a request's body may have.</summary>
    [Range(1, int.MaxValue)]
    public int MaxRequestBytes { get; set; } = 4 << 20;

    /// <summary>Connections that may be open at the same time.</summary>
    [Range(1, int.MaxValue)]
    public int MaxConnections { get; set; } = 1024;

    /// <summary>Tokens a response may have; who asks for more is refused, and who does not say gets them. Null: what the context holds.</summary>
    [Range(1, int.MaxValue)]
    public int? MaxTokens { get; set; }

    /// <summary>Responses one request may ask for.</summary>
    [Range(1, 128)]
    public int MaxChoices { get; set; } = 8;

    /// <summary>Requests an address may make in a minute, at once or spread over it.</summary>
    [Range(1, int.MaxValue)]
    public int RequestsPerMinute { get; set; } = 600;

    /// <summary>Seconds that requests in progress have to end when the server stops.</summary>
    [Range(0, 3600)]
    public int DrainSeconds { get; set; } = 10;
}
