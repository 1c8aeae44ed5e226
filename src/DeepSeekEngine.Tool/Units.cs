using System.Globalization;

namespace DeepSeekEngine.Tool;

/// <summary>Numbers as people read them; units are decimal.</summary>
internal static class Units
{
    public static string Bytes(long bytes) => bytes switch
    {
        >= 1_000_000_000_000 => Text($"{bytes / 1e12:N2} TB"),
        >= 1_000_000_000 => Text($"{bytes / 1e9:N2} GB"),
        >= 1_000_000 => Text($"{bytes / 1e6:N2} MB"),
        _ => Text($"{bytes / 1e3:N1} kB"),
    };

    public static string Count(long parameters) => parameters switch
    {
        >= 1_000_000_000 => Text($"{parameters / 1e9:N2} billion"),
        _ => Text($"{parameters / 1e6:N2} million"),
    };

    public static string Seconds(TimeSpan time) => Text($"{time.TotalSeconds:N2} s");

    public static string Number(double value) => Text($"{value:N1}");

    public static string Number(long value) => Text($"{value:N0}");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
