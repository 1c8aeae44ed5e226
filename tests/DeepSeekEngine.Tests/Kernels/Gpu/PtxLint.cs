using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>Generates PTX without a GPU and finds in it what would not load, is miscompiled, or defeats the purpose.</summary>
internal static partial class PtxLint
{
    private static readonly (string Name, Regex Pattern)[] Rules =
    [
        ("an undefined function", ExternalFunction()),
        ("a call", Call()),
        ("local memory", LocalMemory()),
        ("an access without a state space", GenericAccess()),
        ("float64", Float64()),
        ("an indirect branch", IndirectBranch()),
        ("a truth value as a float", TruthValueAsFloat()),
    ];

    public static string Generate(Context context, MethodInfo kernel, CudaArchitecture architecture)
    {
        using PTXBackend backend = new(
            context, new CudaCapabilityContext(architecture), architecture, CudaInstructionSet.ISA_80, null);
        var compiled = backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(kernel), KernelSpecialization.Empty);
        return ((PTXCompiledKernel)compiled).PTXAssembly;
    }

    /// <summary>What is wrong, each with the first line that shows it.</summary>
    public static IReadOnlyList<string> Problems(string ptx)
        => [.. Rules.Where(rule => rule.Pattern.IsMatch(ptx)).Select(rule => $"{rule.Name}: {rule.Pattern.Match(ptx).Value.Trim()}")];

    /// <summary>Bytes of shared memory a group has.</summary>
    public static int SharedBytes(string ptx) => SharedArray().Matches(ptx).Sum(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));

    [GeneratedRegex(@"^\s*\.shared\b[^\[\n]*\.b8\s+\w+\[(\d+)\]", RegexOptions.Multiline)]
    private static partial Regex SharedArray();

    [GeneratedRegex(@"\.extern\s+\.func.*")]
    private static partial Regex ExternalFunction();

    [GeneratedRegex(@"^\s*(@!?%\w+\s+)?call\b.*", RegexOptions.Multiline)]
    private static partial Regex Call();

    [GeneratedRegex(@".*\.local\b.*")]
    private static partial Regex LocalMemory();

    [GeneratedRegex(@"^\s*(@!?%\w+\s+)?(ld|st)(\.volatile)?(\.v[24])?\.[bfsu]\d+\b.*", RegexOptions.Multiline)]
    private static partial Regex GenericAccess();

    // Registers are declared whether used or not.
    [GeneratedRegex(@"^(?!\s*\.reg\b).*\.f64\b.*", RegexOptions.Multiline)]
    private static partial Regex Float64();

    [GeneratedRegex(@".*\bbrx\.idx\b.*")]
    private static partial Regex IndirectBranch();

    [GeneratedRegex(@".*\b0f00000001\b.*")]
    private static partial Regex TruthValueAsFloat();
}
