using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Benchmarks.Products;

namespace DeepSeekEngine.Benchmarks.Tests;

/// <summary>
/// The call of cuBLAS against a library that has its interface and does what its documentation says, column by column, in memory of
/// ILGPU's CPU accelerator.
/// </summary>
[NonParallelizable]
internal sealed unsafe class CublasTests
{
    private const nint Handle = 7;
    private const nint Stream = 9;
    private static readonly List<string> Calls = [];

    [SetUp]
    public void Forget() => Calls.Clear();

    [Test]
    public void The_product_is_that_of_rows()
    {
        using var backend = IlgpuBackend.CreateOnCpuAccelerator();
        using (var cublas = new Cublas(Fake(), Stream))
        {
            // As many tokens, rows and columns as the tiny shape's products have: all different.
            var table = ProductsCommand.Compare(
                backend, cublas, new Options(["products", "--shape", "tiny", "--tokens", "3", "--rounds", "1", "--calls", "1"]));
            var rows = $"{table}".Split('\n').Where(line => line.StartsWith("| tiny", StringComparison.Ordinal)).ToArray();
            Assert.That(rows, Has.Length.EqualTo(6));
            foreach (var row in rows)
            {
                var apart = double.Parse(row.Split('|')[^2], System.Globalization.CultureInfo.InvariantCulture);
                Assert.That(apart, Is.LessThan(1e-5), row);
            }
        }

        Assert.That(Calls[0], Is.EqualTo("create"));
        Assert.That(Calls[1], Is.EqualTo("stream"));
        Assert.That(Calls[^1], Is.EqualTo("destroy"));
        Assert.That(Calls.Count(call => call == "gemm"), Is.EqualTo(6 * 2), "once to warm up, once timed");
    }

    [Test]
    public void A_refusal_is_an_exception()
    {
        using var backend = IlgpuBackend.CreateOnCpuAccelerator();
        using var cublas = new Cublas(Fake(), Stream);
        using var x = backend.Allocate<ushort>(4);
        using var y = backend.Allocate<float>(4);
        Assert.That(() => cublas.Multiply(x, x, y, 0, 2, 2), Throws.InvalidOperationException.With.Message.EqualTo("cublasGemmEx returned 7."));
    }

    [Test]
    public void Where_there_is_no_cuda_there_is_no_cublas()
    {
        using var backend = IlgpuBackend.CreateOnCpuAccelerator();
        Assert.That(Cublas.Open(backend), Is.Null);
    }

    private static Cublas.Library Fake() => new() { Create = &Create, Destroy = &Destroy, SetStream = &SetStream, GemmEx = &GemmEx };

    [UnmanagedCallersOnly]
    private static int Create(nint* handle)
    {
        Calls.Add("create");
        *handle = Handle;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int Destroy(nint handle)
    {
        Calls.Add("destroy");
        return handle == Handle ? 0 : -1;
    }

    [UnmanagedCallersOnly]
    private static int SetStream(nint handle, nint stream)
    {
        Calls.Add("stream");
        return handle == Handle && stream == Stream ? 0 : -1;
    }

    /// <summary>C = alpha op(A) op(B) + beta C; X(i, j) of a matrix stored by columns is X[i + j * ld]; op is a transposition or nothing.</summary>
    [UnmanagedCallersOnly]
    private static int GemmEx(
        nint handle, int transA, int transB, int m, int n, int k, float* alpha, nint a, int aType, int lda, nint b, int bType, int ldb,
        float* beta, nint c, int cType, int ldc, int computeType, int algorithm)
    {
        Calls.Add("gemm");
        const int invalidValue = 7;
        if (handle != Handle || aType != 14 || bType != 14 || cType != 0 || computeType != 68 || algorithm != -1
            || m < 1 || n < 1 || k < 1 || lda < (transA == 0 ? m : k) || ldb < (transB == 0 ? k : n) || ldc < m)
        {
            return invalidValue;
        }

        for (var j = 0; j < n; j++)
        {
            for (var i = 0; i < m; i++)
            {
                var sum = 0.0;
                for (var l = 0; l < k; l++)
                {
                    sum += Element(a, transA == 0 ? i + (l * lda) : l + (i * lda)) * Element(b, transB == 0 ? l + (j * ldb) : j + (l * ldb));
                }

                ref var target = ref Unsafe.AsRef<float>((float*)c + i + (j * ldc));
                target = (float)((*alpha * sum) + (*beta == 0 ? 0 : *beta * target));
            }
        }

        return 0;

        static double Element(nint matrix, int index) => BitConverter.UInt32BitsToSingle((uint)((ushort*)matrix)[index] << 16);
    }
}
