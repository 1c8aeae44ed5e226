namespace ChatServer;

/// <summary>
/// <c>ChatServer [DIRECTORY] [--option VALUE]...</c> as configuration. What is not known is an error: a misspelt <c>--api-key</c> would
/// leave the server open.
/// </summary>
internal static class CommandLine
{
    private const string DirectoryKey = "DeepSeekEngine:Directory";

    private static readonly Dictionary<string, string> Keys = new()
    {
        ["--urls"] = "urls",
        ["--api-key"] = "Server:ApiKey",
        ["--max-tokens"] = "Server:MaxTokens",
        ["--model-id"] = "DeepSeekEngine:ModelId",
        ["--device"] = "DeepSeekEngine:Device",
        ["--weights"] = "DeepSeekEngine:Weights",
        ["--context"] = "DeepSeekEngine:ContextLength",
        ["--threads"] = "DeepSeekEngine:Threads",
        ["--concurrent"] = "DeepSeekEngine:MaxConcurrentRequests",
    };

    /// <exception cref="ArgumentException">They are not a directory followed by options.</exception>
    public static Dictionary<string, string?> Read(string[] args)
    {
        var settings = new Dictionary<string, string?>();
        var next = 0;
        if (args is [var directory, ..] && !directory.StartsWith('-'))
        {
            settings[DirectoryKey] = Path.GetFullPath(directory);
            next = 1;
        }

        while (next < args.Length)
        {
            var parts = args[next++].Split('=', 2);
            settings[KeyOf(parts[0])] = parts.Length == 2 ? parts[1]
                : next < args.Length ? args[next++]
                : throw new ArgumentException($"{parts[0]} has no value.");
        }

        return settings;
    }

    /// <summary>Any key of the configuration is an option too, such as <c>--Server:MaxRequestBytes</c>.</summary>
    private static string KeyOf(string option)
        => Keys.TryGetValue(option, out var key) ? key
            : option.StartsWith("--", StringComparison.Ordinal) && option.Contains(':') ? option[2..]
            : throw new ArgumentException(
                $"There is no option '{option}'. Usage: ChatServer [DIRECTORY] [--option VALUE]..., where options are "
                + $"{string.Join(", ", Keys.Keys)} and keys of the configuration, such as --Server:MaxRequestBytes.");
}
