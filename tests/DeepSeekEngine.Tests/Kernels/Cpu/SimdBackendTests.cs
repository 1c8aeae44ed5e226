using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Testing.BackendSuite;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu;

/// <summary>What is particular to the SIMD backend: sizes beyond its blocks, threads, memory, and its checks of arguments.</summary>
public unsafe class SimdBackendTests
{
    [Test]
    public void Sizes_beyond_every_block_agree_with_the_scalar_twin([Values] bool oneAtATime)
    {
        // More columns than several segments, more tokens than a token block, rows that fill no row block.
        const int rows = 37, columns = 2500, count = 131;
        using var backend = new SimdBackend(2);
        var random = new Random(3);
        using var matrix = new TestMatrix(WeightEncoding.F8E4M3, rows, columns, random);
        using Matrix loaded = backend.LoadMatrix(matrix.View);
        using DeviceArray<float> x = RandomArray(backend, random, count * columns);
        using DeviceArray<float> y = backend.Allocate<float>(count * rows);
        for (int t = 0; t < count; t += oneAtATime ? 1 : count)
        {
            backend.Linear(
                Activations.Dense(x, columns).From(t), loaded, Activations.Dense(y, rows).From(t), oneAtATime ? 1 : count);
        }

        double[] expected = ScalarDense.Linear(BackendOperationTests.Wide(BackendOperationTests.Download(x)), matrix.View);
        BackendOperationTests.AssertClose(BackendOperationTests.Download(y), expected, 3e-6);
    }

    [Test]
    public void A_token_is_the_same_in_batches_of_every_size(
        [Values("F32", "F16", "BF16", "F8E4M3")] string encoding,
        [Values(128, 256, 512)] int bits,
        [Values(61, 1024, 1411)] int columns,
        [Values(7, 128)] int blockColumns)
    {
        const int rows = 70, tokens = 40;
        using var backend = new SimdBackend(2, (LaneWidth)bits);
        var random = new Random(5);
        using var matrix = new TestMatrix(Enum.Parse<WeightEncoding>(encoding), rows, columns, random, 16, blockColumns);
        using Matrix loaded = backend.LoadMatrix(matrix.View);
        using DeviceArray<float> x = RandomArray(backend, random, tokens * columns);
        using DeviceArray<float> y = backend.Allocate<float>(tokens * rows);
        float[] Run(int batch)
        {
            for (int t = 0; t < tokens; t += batch)
            {
                backend.Linear(
                    Activations.Dense(x, columns).From(t), loaded, Activations.Dense(y, rows).From(t), Math.Min(batch, tokens - t));
            }

            return BackendOperationTests.Download(y);
        }

        float[] alone = Run(1);
        double[] expected = ScalarDense.Linear(BackendOperationTests.Wide(BackendOperationTests.Download(x)), matrix.View);
        BackendOperationTests.AssertClose(alone, expected, 3e-6);
        for (int batch = 2; batch <= tokens; batch++)
        {
            Assert.That(Run(batch).AsSpan().SequenceEqual(alone), Is.True, $"batches of {batch}");
        }
    }

    [Test]
    public void Results_do_not_depend_on_the_number_of_threads()
    {
        int[][] results = [.. ((int[])[1, 2, 7]).Select(threads =>
        {
            using var step = new DecoderStep(threads, count: 37);
            step.RunAll();
            return step.Results;
        })];
        Assert.That(results[1], Is.EqualTo(results[0]));
        Assert.That(results[2], Is.EqualTo(results[0]));
    }

    [Test]
    public void Operations_allocate_nothing_once_they_have_run([Values(1, 37)] int count)
    {
        using var step = new DecoderStep(threads: 2, count);
        foreach ((string name, Action operation) in step.Operations)
        {
            operation();
            operation();
            long before = GC.GetAllocatedBytesForCurrentThread();
            operation();
            Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero, name);
        }
    }

    [Test]
    public void Large_arrays_take_no_memory_until_they_are_used()
    {
        using var backend = new SimdBackend(1);
        long before = Environment.WorkingSet;
        using DeviceArray<float> cache = backend.Allocate<float>(1L << 30);
        cache.Upload([1], cache.Length - 1);
        Assert.That(Environment.WorkingSet - before, Is.LessThan(1L << 30));
    }

    [Test]
    public void Arrays_begin_at_a_cache_line()
    {
        using var backend = new SimdBackend(1);
        for (int length = 1; length < 10; length++)
        {
            using var array = (SimdArray<float>)backend.Allocate<float>(length);
            Assert.That((long)array.Pointer % 64, Is.Zero);
        }
    }

    [Test]
    public void More_memory_than_there_is_is_refused()
    {
        using var backend = new SimdBackend(1);
        Assert.That(() => backend.Allocate<float>(long.MaxValue / 8), Throws.TypeOf<NotEnoughMemoryException>());
        Assert.That(() => backend.Allocate<float>(long.MaxValue), Throws.TypeOf<NotEnoughMemoryException>());
        Assert.That(() => backend.Allocate<float>(-1), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void A_disposed_array_is_refused()
    {
        using var backend = new SimdBackend(1);
        DeviceArray<float> x = backend.Allocate<float>(8);
        using DeviceArray<float> weight = backend.Allocate<float>(8);
        x.Dispose();
        Activations rows = Activations.Dense(x, 8);
        Assert.That(() => backend.RmsNorm(rows, weight, 1e-6f, rows, 1), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => x.Upload([1]), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void Views_that_leave_their_array_are_refused()
    {
        using var backend = new SimdBackend(1);
        using DeviceArray<float> x = backend.Allocate<float>(100);
        using DeviceArray<float> weight = backend.Allocate<float>(10);
        var inside = new Activations(x, 0, 10, 10);
        AssertRefused(inside, 11);
        AssertRefused(inside with { Offset = 1 }, 10);
        AssertRefused(inside with { Offset = -1 }, 1);
        AssertRefused(inside with { Offset = long.MaxValue }, 1);
        AssertRefused(inside with { Stride = 11 }, 10);
        AssertRefused(inside with { Stride = 9 }, 2);
        AssertRefused(inside with { Stride = 0 }, 1);
        AssertRefused(inside with { Stride = -10 }, 2);
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
    public void Matrices_of_another_shape_are_refused()
    {
        using var backend = new SimdBackend(1);
        using var matrix = new TestMatrix(WeightEncoding.F8E4M3, 6, 10, new Random(1));
        using Matrix loaded = backend.LoadMatrix(matrix.View);
        using DeviceArray<float> values = backend.Allocate<float>(100);
        Assert.That(
            () => backend.Linear(Activations.Dense(values, 9), loaded, Activations.Dense(values, 6), 1), Throws.ArgumentException);
        Assert.That(
            () => backend.Linear(Activations.Dense(values, 10), loaded, Activations.Dense(values, 7), 1), Throws.ArgumentException);
        Assert.That(() => backend.LoadMatrix(matrix.View with { Scales = null }), Throws.ArgumentException);
        Assert.That(() => backend.LoadMatrix(matrix.View with { BlockColumns = 0 }), Throws.ArgumentException);
        Assert.That(() => backend.LoadMatrix(matrix.View with { Data = null }), Throws.ArgumentException);
        Assert.That(() => backend.LoadMatrix(matrix.View with { Rows = -6 }), Throws.ArgumentException);
        Assert.That(() => backend.LoadExperts([]), Throws.ArgumentException);
        Assert.That(() => backend.LoadExperts([matrix.View, matrix.View with { Rows = 5 }]), Throws.ArgumentException);
    }

    [Test]
    public void Numbers_that_name_nothing_are_refused([Values(-1, 7, int.MaxValue, int.MinValue)] int wrong)
    {
        using var step = new DecoderStep(threads: 2, count: 5);
        using DeviceArray<int> ids = step.Backend.Allocate<int>(5 * DecoderStep.Chosen);
        ids.Upload([0, 1, 2, wrong]);
        using var matrix = new TestMatrix(WeightEncoding.BF16, 7, 10, new Random(1));
        using Matrix table = step.Backend.LoadMatrix(matrix.View);
        using DeviceArray<float> y = step.Backend.Allocate<float>(70);
        Activations rows = Activations.Dense(y, 10);
        Assert.That(() => step.Backend.Embed(ids, table, rows, 4), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => step.Backend.GatherRows(rows, ids, rows, 4), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => step.Experts(ids), Throws.TypeOf<ArgumentOutOfRangeException>());
        TokenTables tables = step.Tables.View;
        int block = wrong == 7 ? 1 << 20 : wrong;
        tables.BlockTables.Upload([block, block]);
        Assert.That(step.Attend, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(step.Append, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(step.Complete, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(step.Gather, Throws.TypeOf<ArgumentOutOfRangeException>());
        tables.Sequences.Upload([wrong]);
        Assert.That(step.Attend, Throws.TypeOf<ArgumentOutOfRangeException>());
        if (wrong != 7)
        {
            tables.Positions.Upload([wrong]);
            Assert.That(step.Attend, Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(step.Rotate, Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(step.Complete, Throws.TypeOf<ArgumentOutOfRangeException>());
        }
    }

    private static DeviceArray<float> RandomArray(SimdBackend backend, Random random, int length)
    {
        DeviceArray<float> array = backend.Allocate<float>(length);
        array.Upload([.. Enumerable.Range(0, length).Select(_ => random.NextSingle() * 2 - 1)]);
        return array;
    }
}
