using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace DeepSeekEngine.Benchmarks;

/// <summary>A command's result with what it was measured on: printed, and kept where <c>--results DIRECTORY</c> is given.</summary>
internal static class Report
{
    public static void Write(Options arguments, string name, IEnumerable<string> notes, MarkdownTable table)
    {
        var text = new StringBuilder();
        var date = DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        text.Append(CultureInfo.InvariantCulture, $"`{arguments.Line}`\n\n{date}, {Machine()}.\n\n");
        foreach (var note in notes)
        {
            text.Append(note).Append('\n');
        }

        text.Append('\n').Append(table);
        Console.Write(text);
        if (arguments.Value("results") is { } directory)
        {
            Directory.CreateDirectory(directory);
            var cpu = string.Concat(CpuName().ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-')).Trim('-');
            File.AppendAllText(Path.Combine(directory, $"{date}-{cpu}-{name}.md"), $"{text}\n");
        }
    }

    private static string Machine()
    {
        var registers = Vector512.IsHardwareAccelerated ? "AVX-512" : Vector256.IsHardwareAccelerated ? "AVX2" : "128-bit SIMD";
        var dots = AvxVnni.IsSupported ? " and VNNI" : "";
        return $"{CpuName()}, {Environment.ProcessorCount} processors, {registers}{dots}, "
            + $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 30} GiB, {RuntimeInformation.FrameworkDescription}, "
            + RuntimeInformation.OSDescription.Split(" #")[0];
    }

    /// <summary>The processor as the system names it, with family and model, which tell apart what virtual machines call alike.</summary>
    private static string CpuName()
    {
        const string file = "/proc/cpuinfo";
        if (!File.Exists(file))
        {
            return RuntimeInformation.ProcessArchitecture.ToString();
        }

        var fields = File.ReadLines(file).TakeWhile(line => line.Length > 0)
            .Select(line => line.Split(':', 2))
            .Where(pair => pair.Length == 2)
            .ToDictionary(pair => pair[0].Trim(), pair => pair[1].Trim());
        return fields.TryGetValue("model name", out var name)
            ? $"{name} family {fields.GetValueOrDefault("cpu family")} model {fields.GetValueOrDefault("model")}"
            : RuntimeInformation.ProcessArchitecture.ToString();
    }
}
