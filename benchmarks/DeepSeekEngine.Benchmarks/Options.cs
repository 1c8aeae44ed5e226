using System.Globalization;

namespace DeepSeekEngine.Benchmarks;

/// <summary>A command and its options, each <c>--name value</c>; lists are separated by commas.</summary>
internal sealed class Options
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    /// <exception cref="ArgumentException">They are not a command followed by options.</exception>
    public Options(string[] args)
    {
        Command = args[0];
        Line = string.Join(' ', args);
        for (var i = 1; i < args.Length; i += 2)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal) || i + 1 == args.Length)
            {
                throw new ArgumentException($"Expected --name value, not '{args[i]}'.");
            }

            _values[args[i][2..]] = args[i + 1];
        }
    }

    public string Command { get; }

    /// <summary>As it was typed.</summary>
    public string Line { get; }

    /// <summary>Null where the option is not given.</summary>
    public string? Value(string name) => _values.GetValueOrDefault(name);

    public string Text(string name, string otherwise) => Value(name) ?? otherwise;

    public string[] List(string name, string otherwise) => Text(name, otherwise).Split(',', StringSplitOptions.RemoveEmptyEntries);

    public int Number(string name, int otherwise) => Value(name) is { } value ? int.Parse(value, CultureInfo.InvariantCulture) : otherwise;

    public int[] Numbers(string name, string otherwise)
        => [.. List(name, otherwise).Select(value => int.Parse(value, CultureInfo.InvariantCulture))];

    public T[] Names<T>(string name, string otherwise)
        where T : struct, Enum
        => [.. List(name, otherwise).Select(value => Enum.Parse<T>(value, ignoreCase: true))];
}
