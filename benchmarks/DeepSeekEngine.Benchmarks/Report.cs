using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace DeepSeekEngine.Benchmarks;

/// <summary>A command's result with what it was measured on: printed, and kept where <c>--results DIRECTORY</c> is given.</summary>
internal static class Report
{
    /// <param name="accelerator">What it was measured on, if that is not the processor.</param>
    public static void Write(Options arguments, string name, IEnumerable<string> notes, MarkdownTable table, string? accelerator = null)
    {
        var text = new StringBuilder();
        var date = DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        text.Append(CultureInfo.InvariantCulture, $"`{arguments.Line}`\n\n{date}, {Machine(accelerator)}.\n\n");
        foreach (var note in notes)
        {
            text.Append(note).Append('\n');
        }

        text.Append('\n').Append(table);
        Console.Write(text);
        if (arguments.Value("results") is { } directory)
        {
            Directory.CreateDirectory(directory);
            var device = (accelerator ?? CpuName()).ToLowerInvariant();
            var file = string.Concat(device.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-')).Trim('-');
            File.AppendAllText(Path.Combine(directory, $"{date}-{file}-{name}.md"), $"{text}\n");
        }
    }

    private static string Machine(string? accelerator)
    {
        var registers = Vector512.IsHardwareAccelerated ? "AVX-512" : Vector256.IsHardwareAccelerated ? "AVX2" : "128-bit SIMD";
        var dots = AvxVnni.IsSupported ? " and VNNI" : "";
        var on = accelerator is null ? "" : $"{accelerator}{NvidiaDriver()}, ";
        return $"{on}{CpuName()}, {Environment.ProcessorCount} processors, {registers}{dots}, "
            + $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 30} GiB, {RuntimeInformation.FrameworkDescription}, "
            + RuntimeInformation.OSDescription.Split(" #")[0];
    }

    private static string NvidiaDriver()
    {
        const string file = "/proc/driver/nvidia/version";
        return File.Exists(file) ? $" ({File.ReadLines(file).First()})" : "";
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
