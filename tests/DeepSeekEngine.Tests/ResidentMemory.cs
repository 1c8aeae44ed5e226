using System.Globalization;

namespace DeepSeekEngine.Tests;

/// <summary>Bytes of memory that Linux says are resident.</summary>
internal static class ResidentMemory
{
    /// <summary>Those of this process that belong to no file.</summary>
    public static long OfProcess() => Sum("/proc/self/status", "RssAnon:");

    /// <summary>Those of a file that are mapped into this process.</summary>
    public static long OfFile(string path)
    {
        var bytes = 0L;
        var isOfFile = false;
        foreach (var line in File.ReadLines("/proc/self/smaps"))
        {
            // A mapping's line begins with its addresses, in hexadecimal without capitals; its fields follow.
            isOfFile = char.IsAsciiHexDigitLower(line[0]) || char.IsAsciiDigit(line[0]) ? line.EndsWith(path, StringComparison.Ordinal) : isOfFile;
            bytes += isOfFile ? Value(line, "Rss:") : 0;
        }

        return bytes;
    }

    private static long Sum(string file, string field) => File.ReadLines(file).Sum(line => Value(line, field));

    private static long Value(string line, string field)
        => line.StartsWith(field, StringComparison.Ordinal)
            ? 1024 * long.Parse(line[field.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture)
            : 0;
}
