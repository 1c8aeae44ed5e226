using System.Runtime.InteropServices;
using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Gpu;
using DeepSeekEngine.Testing.BackendSuite;
using ILGPU.Runtime;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>What is particular to the ILGPU backend on the host: devices, memory, uploads and checks of arguments.</summary>
[TestFixture]
public class IlgpuBackendTests
{
    private IlgpuBackend backend = null!;

    [OneTimeSetUp]
    public void CreateBackend() => backend = IlgpuBackend.CreateOnCpuAccelerator();

    [OneTimeTearDown]
    public void DisposeBackend() => backend.Dispose();

    [Test]
    public void The_automatic_choice_is_cuda_or_else_the_processor()
    {
        Device chosen = BackendFactory.KindOf(new EngineOptions());
        Assert.That(chosen, Is.EqualTo(IlgpuDevices.Cuda.Count == 0 ? Device.Cpu : Device.Cuda));
    }

    [Test]
    public void More_memory_than_there_is_is_refused()
    {
        Assert.That(() => backend.Allocate<float>(long.MaxValue / 8), Throws.TypeOf<NotEnoughMemoryException>());
        Assert.That(() => backend.Allocate<float>(long.MaxValue), Throws.TypeOf<NotEnoughMemoryException>());
        Assert.That(() => backend.Allocate<float>(-1), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Uploads_larger_than_the_staging_buffer_arrive_whole()
    {
        int[] values = [.. Enumerable.Range(1, 5_000_000)];
        using DeviceArray<int> array = backend.Allocate<int>(values.Length + 2);
        array.Upload(values, 1);
        int[] result = BackendOperationTests.Download(array);
        Assert.That(result[0], Is.Zero);
        Assert.That(result[^1], Is.Zero);
        Assert.That(result.AsSpan(1, values.Length).SequenceEqual(values));
    }

    [TestCase(3, 5_000_001)]
    [TestCase(700_003, 5)]
    public void Matrices_larger_than_the_staging_buffer_arrive_whole(int rows, int columns)
    {
        using var matrix = new TestMatrix(WeightEncoding.BF16, rows, columns, new Random(5));
        using Matrix loaded = backend.LoadMatrix(matrix.View);
        WeightView view = ((IlgpuMatrix)loaded).Weights.View;
        var result = new ushort[view.Pitch * 8];
        foreach (int row in (int[])[0, rows / 2, rows - 1])
        {
            view.Data.SubView((long)row * view.Pitch, view.Pitch).Cast<ushort>().CopyToCPU(backend.Stream, result);
            ReadOnlySpan<ushort> stored = MemoryMarshal.Cast<byte, ushort>(matrix.Data).Slice(row * columns, columns);
            Assert.That(result.AsSpan(0, columns).SequenceEqual(stored), $"Row {row}");
            Assert.That(result[columns..], Is.All.Zero);
        }
    }

    [Test]
    public void What_is_disposed_is_refused()
    {
        DeviceArray<float> x = backend.Allocate<float>(8);
        using DeviceArray<float> weight = backend.Allocate<float>(8);
        Activations rows = Activations.Dense(x, 8);
        x.Dispose();
        x.Dispose();
        Assert.That(() => backend.RmsNorm(rows, weight, 1e-6f, rows, 1), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => x.Upload([1]), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => x.Download(new float[1]), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void Arrays_and_matrices_of_another_backend_are_refused()
    {
        using IlgpuBackend other = IlgpuBackend.CreateOnCpuAccelerator();
        using var matrix = new TestMatrix(WeightEncoding.F32, 4, 8, new Random(5));
        using Matrix theirs = other.LoadMatrix(matrix.View);
        using DeviceArray<float> theirArray = other.Allocate<float>(8);
        using DeviceArray<float> x = backend.Allocate<float>(8);
        Activations rows = Activations.Dense(x, 8);
        Assert.That(() => backend.RmsNorm(rows, theirArray, 1e-6f, rows, 1), Throws.ArgumentException);
        Assert.That(() => backend.Linear(rows, theirs, Activations.Dense(x, 4), 1), Throws.ArgumentException);
    }

    [Test]
    public void Views_that_leave_their_array_are_refused()
    {
        using DeviceArray<float> x = backend.Allocate<float>(100);
        using DeviceArray<float> weight = backend.Allocate<float>(10);
        var inside = new Activations(x, 0, 10, 10);
        AssertRefused(inside, 11);
        AssertRefused(inside with { Offset = 1 }, 10);
        AssertRefused(inside with { Offset = -1 }, 1);
        AssertRefused(inside with { Offset = long.MaxValue }, 1);
        AssertRefused(inside with { Stride = 11 }, 10);
        AssertRefused(inside with { Stride = 9 }, 2);
        AssertRefused(inside with { Width = 0 }, 1);
        AssertRefused(inside with { Width = 11 }, 1);
        Assert.That(() => backend.RmsNorm(inside, weight, 1e-6f, inside, 10), Throws.Nothing);
        Assert.That(() => backend.RmsNorm(inside, weight, 1e-6f, inside, -1), Throws.TypeOf<ArgumentOutOfRangeException>());

        void AssertRefused(Activations view, int count)
        {
            Assert.That(() => backend.RmsNorm(view, weight, 1e-6f, inside, count), Throws.ArgumentException, $"{view}, {count}");
            Assert.That(() => backend.RmsNorm(inside, weight, 1e-6f, view, count), Throws.ArgumentException, $"{view}, {count}");
        }
    }

    [Test]
    public unsafe void Matrices_that_do_not_fit_are_refused()
    {
        using var matrix = new TestMatrix(WeightEncoding.F8E4M3, 6, 10, new Random(1));
        using Matrix loaded = backend.LoadMatrix(matrix.View);
        using DeviceArray<float> values = backend.Allocate<float>(100);
        Assert.That(() => backend.Linear(Activations.Dense(values, 9), loaded, Activations.Dense(values, 6), 1), Throws.ArgumentException);
        Assert.That(() => backend.Linear(Activations.Dense(values, 10), loaded, Activations.Dense(values, 7), 1), Throws.ArgumentException);
        Assert.That(() => backend.LoadMatrix(matrix.View with { Scales = null }), Throws.ArgumentException);
        Assert.That(() => backend.LoadMatrix(matrix.View with { BlockColumns = 0 }), Throws.ArgumentException);
        Assert.That(() => backend.LoadMatrix(matrix.View with { Data = null }), Throws.ArgumentException);
        Assert.That(() => backend.LoadMatrix(matrix.View with { Rows = -6 }), Throws.ArgumentException);
        Assert.That(() => backend.LoadExperts([]), Throws.ArgumentException);
        Assert.That(() => backend.LoadExperts([matrix.View, matrix.View with { Rows = 5 }]), Throws.ArgumentException);
    }

    [Test]
    public void Attention_wider_than_shared_memory_is_refused()
    {
        MlaShape wide = new() { Heads = 1, Nope = 4000, Rope = 2, Value = 2, Latent = 5000, Scale = 1 };
        using DeviceArray<float> values = backend.Allocate<float>(10_000);
        using DeviceArray<int> ids = backend.Allocate<int>(1);
        TokenTables tokens = new()
        {
            Positions = ids, Sequences = ids, BlockTables = ids, BlockTableStride = 1, BlockSize = 1, MaxContext = 1,
        };
        Activations row = new(values, 0, wide.CacheRow, wide.CacheRow);
        Activations query = new(values, 0, wide.QueryHead, wide.QueryHead);
        Assert.That(
            () => backend.CachedAttention(row, row, tokens, wide.Absorbed, new(values, 0, wide.Latent, wide.Latent), 1),
            Throws.ArgumentException.With.Message.Contains("shared memory"));
        Assert.That(
            () => backend.ExpandedAttention(
                query, query, row, tokens, wide.Expanded, 0, 1, true, true, new(values, 0, 2, 2), new(values, 0, 2, 2), 1),
            Throws.ArgumentException.With.Message.Contains("shared memory"));
    }

    [Test]
    public void Routers_and_block_tables_that_make_no_sense_are_refused()
    {
        RouterShape shape = new()
        {
            Experts = 8, ExpertsPerToken = 2, Groups = 4, GroupsKept = 2,
            Sigmoid = true, BiasCorrected = false, Normalize = true, Scale = 1,
        };
        MlaShape mla = new() { Heads = 1, Nope = 2, Rope = 2, Value = 2, Latent = 2, Scale = 1 };
        using DeviceArray<float> values = backend.Allocate<float>(64);
        using DeviceArray<int> ids = backend.Allocate<int>(8);
        AssertRefused(shape with { Groups = 3 });
        AssertRefused(shape with { GroupsKept = 5 });
        AssertRefused(shape with { ExpertsPerToken = 5 });
        AssertRefused(shape with { Experts = 4096 });
        Assert.That(() => Select(shape), Throws.Nothing);

        TokenTables tokens = new()
        {
            Positions = ids, Sequences = ids, BlockTables = ids, BlockTableStride = 4, BlockSize = 4, MaxContext = 16,
        };
        Assert.That(() => Rotate(tokens), Throws.Nothing);
        Assert.That(() => Rotate(tokens with { MaxContext = 17 }), Throws.ArgumentException);
        Assert.That(() => Rotate(tokens with { BlockSize = 0 }), Throws.ArgumentException);
        Assert.That(() => Rotate(tokens.From(8)), Throws.ArgumentException);

        void AssertRefused(RouterShape wrong) => Assert.That(() => Select(wrong), Throws.ArgumentException, $"{wrong}");

        void Select(RouterShape router) => backend.SelectExperts(
            Activations.Dense(values, router.Experts), null, router, ids, new Activations(values, 32, 8, router.ExpertsPerToken), 1);

        void Rotate(TokenTables tables) => backend.RotateQueries(Activations.Dense(values, 4), values, tables, mla, 1);
    }
}
