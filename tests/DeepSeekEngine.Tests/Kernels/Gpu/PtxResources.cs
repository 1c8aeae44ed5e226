using System.Globalization;
using System.Text.RegularExpressions;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>What a kernel's PTX takes of a device and how it reads memory.</summary>
internal static partial class PtxResources
{
    /// <summary>Static shared memory a group of any device may have.</summary>
    private const int MaxSharedBytes = 48 << 10;

    /// <summary>Bytes of arguments a launch may have before CUDA 12.1.</summary>
    private const int MaxParameterBytes = 4096;

    /// <summary>What a device of this compute capability (90 for 9.0) would refuse.</summary>
    public static IReadOnlyList<string> Excesses(string ptx, int capability)
    {
        List<string> excesses = [];
        int target = Number(Target().Match(ptx));
        if (target > capability)
        {
            excesses.Add($"a target of {target} for a device of {capability}");
        }

        int shared = PtxLint.SharedBytes(ptx);
        if (shared > MaxSharedBytes)
        {
            excesses.Add($"{shared} bytes of shared memory");
        }

        int parameters = Number(EntryParameter().Match(ptx));
        if (parameters > MaxParameterBytes)
        {
            excesses.Add($"{parameters} bytes of parameters");
        }

        return excesses;
    }

    /// <summary>Accesses of this kind in the kernel, such as <c>ld.global.v4.f32</c>.</summary>
    public static int Accesses(string ptx, string kind) => Regex.Count(ptx, $@"\b{Regex.Escape(kind)}\b");

    /// <summary>The first access to global memory of less than 32 bits; null if there is none.</summary>
    public static string? NarrowAccess(string ptx) => NarrowGlobal().Match(ptx) is { Success: true } match ? match.Value.Trim() : null;

    private static int Number(Match match) => int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^\.target\s+sm_(\d+)", RegexOptions.Multiline)]
    private static partial Regex Target();

    [GeneratedRegex(@"\.entry\s+\w+\(\s*\.param\s+\.align\s+\d+\s+\.b8\s+\w+\[(\d+)\]")]
    private static partial Regex EntryParameter();

    [GeneratedRegex(@".*\b(ld|st)\.global(\.nc)?(\.v[24])?\.[bsu](8|16)\b.*")]
    private static partial Regex NarrowGlobal();
}
