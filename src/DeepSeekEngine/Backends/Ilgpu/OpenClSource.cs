using System.Text.RegularExpressions;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <summary>Corrects the OpenCL C that ILGPU 1.5.3 generates, between its compiler and the driver's.</summary>
internal static partial class OpenClSource
{
    /// <exception cref="NotSupportedException">The kernel uses something this cannot make correct.</exception>
    public static string Correct(string source)
    {
        if (source.Contains("__generic", StringComparison.Ordinal) || source.Contains("atomic_", StringComparison.Ordinal))
        {
            throw new NotSupportedException("A kernel uses generic pointers or atomics, which OpenCL 1.2 devices do not have.");
        }

        // The local fence is missing, so formally nothing orders shared memory; and work_group_barrier is OpenCL 2.0.
        source = Barrier().Replace(source, "barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)");

        // Integer arithmetic wraps around in C#; on OpenCL's signed types overflow is undefined, and compilers make use of that.
        return SignedArithmetic().Replace(source, "($1)((u$1)$2 $3 (u$1)$4)");
    }

    [GeneratedRegex(@"work_group_barrier \( CLK_GLOBAL_MEM_FENCE \)")]
    private static partial Regex Barrier();

    [GeneratedRegex(@"\((int|long)\)\(\(\1\) (-?\w+) ([*+\-]|<<)  \(\1\)(-?\w+)\)")]
    private static partial Regex SignedArithmetic();
}
