using System.Reflection;
using System.Text.RegularExpressions;
using DeepSeekEngine.Kernels.Gpu;
using ILGPU;
using ILGPU.Runtime.Cuda;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>Compiles the kernels for tensor cores without a GPU.</summary>
[TestFixture]
internal sealed partial class TensorCorePtxTests
{
    private static readonly (int Major, int Minor)[] Architectures = [(8, 0), (8, 9), (9, 0)];

    private static IEnumerable<MethodInfo> Kernels => KernelCatalog.Gpu.AllForTensorCores;

    [Test]
    public void Every_kernel_compiles_to_clean_ptx_with_the_instructions_it_is_for(
        [ValueSource(nameof(Architectures))] (int Major, int Minor) architecture)
    {
        using Context context = Context.Create(static builder => builder.ForKernels());
        foreach (MethodInfo kernel in Kernels)
        {
            string name = $"{kernel.DeclaringType!.Name}: {kernel}";
            string ptx = PtxLint.Generate(context, kernel, new CudaArchitecture(architecture.Major, architecture.Minor));
            Assert.That(ptx, Does.Contain(".visible .entry"), name);
            Assert.That(ptx, Does.Match(@"\.target sm_(8|9)\d"), name);
            Assert.That(PtxLint.Problems(ptx), Is.Empty, name);
            Assert.That(PtxLint.SharedBytes(ptx), Is.AtMost(48 << 10), name);
            if (KernelCatalog.EncodingOf(kernel) is { } encoding)
            {
                AssertInstructions(ptx, encoding == DeepSeekEngine.Kernels.WeightEncoding.BF16, name);
            }
        }
    }

    /// <summary>
    /// A step of 64 columns is four times 16: for half the tokens, 3 loads and 4 products each, for all of them 4 loads and 8 products. Tokens and
    /// weights are copied before the first step, before the second, and in the loop, 16 bytes at a time and by nothing else.
    /// </summary>
    private static void AssertInstructions(string ptx, bool asStored, string name)
    {
        Assert.That(Products().Count(ptx), Is.EqualTo(4 * (4 + 8)), name);
        Assert.That(Loads().Count(ptx), Is.EqualTo(4 * (3 + 4)), name);
        Assert.That(Copies().Count(ptx), Is.GreaterThanOrEqualTo(3 * 2), name);
        Assert.That(Regex.Count(ptx, "cp.async.c[ag]"), Is.EqualTo(Copies().Count(ptx)), name);
        Assert.That(Regex.Count(ptx, "cp.async.commit_group;"), Is.EqualTo(3), name);
        Assert.That(Regex.Count(ptx, "cp.async.wait_group 1;"), Is.EqualTo(1), name);

        // Decoding reads 16 bytes of what was copied and writes 8 or 16 of bfloat16, between two barriers.
        Assert.That(Regex.Count(ptx, "bar.sync"), Is.EqualTo(asStored ? 1 : 2), name);
        Assert.That(ptx, asStored ? Does.Not.Contain("ld.shared") : Does.Contain("ld.shared.v4.b32"), name);
        Assert.That(ptx, asStored ? Does.Not.Contain("st.shared") : Does.Match(@"st\.shared\.v[24]\.b32"), name);
        Assert.That(ptx, Does.Not.Match(@"(ld|st)\.shared\.[^v]"), name);
        Assert.That(Regex.Count(ptx, "fma.rn.bf16x2"), asStored ? Is.Zero : Is.Positive, name);
    }

    [GeneratedRegex(@"mma\.sync\.aligned\.m16n8k16\.row\.col\.f32\.bf16\.bf16\.f32 (\{(%f\d+, ){3}%f\d+\}), \{(%r\d+, ){3}%r\d+\}, \{%r\d+, %r\d+\}, (\{(%f\d+, ){3}%f\d+\});")]
    private static partial Regex Products();

    [GeneratedRegex(@"ldmatrix\.sync\.aligned\.m8n8\.x4\.shared\.b16 \{(%r\d+, ){3}%r\d+\}, \[%rd?\d+\];")]
    private static partial Regex Loads();

    [GeneratedRegex(@"cp\.async\.cg\.shared\.global \[%rd?\d+\], \[%rd\d+\], 16, %r\d+;")]
    private static partial Regex Copies();
}
