using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;
using NUnit.Framework;

namespace DeepSeekEngine.Testing.BackendSuite;

/// <summary>
/// What tests of a backend's operations have in common. Activations are views with gaps: what lies between the rows is NaN in inputs, so that
/// reading it shows, and a mark in outputs, so that writing it shows.
/// </summary>
public abstract partial class OperationTests
{
    protected const float Mark = 12345.25f;
    private const int Gap = 3;
    private const int Lead = 5;

    private readonly List<IDisposable> owned = [];
    private IBackend? created;

    internal IBackend Backend => created ?? throw new InvalidOperationException("There is a backend only while tests run.");

    internal Random Random { get; private set; } = new(1);

    /// <summary>Makes the backend under test; it is made once for all tests.</summary>
    internal abstract IBackend CreateBackend();

    /// <summary>The largest error allowed, as a part of the largest magnitude in the expected result.</summary>
    internal virtual double Tolerance => 3e-6;

    /// <summary>The same for what passes through an exponential: softmax, SwiGLU, router weights.</summary>
    internal virtual double ExponentialTolerance => 5e-6;

    /// <summary>Whether the device is an emulation on which the largest shapes would take minutes.</summary>
    internal virtual bool IsSlow => false;

    [OneTimeSetUp]
    public void CreateBackendOnce() => created = CreateBackend();

    [OneTimeTearDown]
    public void DisposeBackend() => created?.Dispose();

    [SetUp]
    public void Seed() => Random = new Random(20260);

    [TearDown]
    public void DisposeOwned()
    {
        owned.ForEach(o => o.Dispose());
        owned.Clear();
    }

    internal T Own<T>(T disposable)
        where T : IDisposable
    {
        owned.Add(disposable);
        return disposable;
    }

    internal DeviceArray<T> Upload<T>(params T[] values)
        where T : unmanaged
    {
        DeviceArray<T> array = Own(Backend.Allocate<T>(values.Length));
        array.Upload(values);
        return array;
    }

    internal static T[] Download<T>(DeviceArray<T> array)
        where T : unmanaged
    {
        var values = new T[array.Length];
        array.Download(values);
        return values;
    }

    /// <summary>Values in -1 .. 1.</summary>
    internal float[] Values(int count)
    {
        var values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = Random.NextSingle() * 2 - 1;
        }

        return values;
    }

    /// <summary>Uploads dense rows as a view with gaps of NaN.</summary>
    internal Activations Input(float[] dense, int width) => Spread(dense, width, float.NaN);

    /// <summary>A view with gaps to be written to; its rows hold what <paramref name="dense"/> says, or marks.</summary>
    internal Activations Output(int count, int width, float[]? dense = null)
    {
        if (dense is null)
        {
            dense = new float[count * width];
            Array.Fill(dense, Mark);
        }

        return Spread(dense, width, Mark);
    }

    /// <summary>The rows of an output as dense values, after checking that the gaps still hold their marks.</summary>
    internal static float[] Read(Activations output)
    {
        float[] all = Download(output.Array);
        var rows = new List<float>();
        for (int i = 0; i < all.Length; i++)
        {
            long column = (i - Lead) % output.Stride;
            if (i >= Lead && column < output.Width)
            {
                rows.Add(all[i]);
            }
            else
            {
                Assert.That(all[i], Is.EqualTo(Mark), $"Something was written between the rows, at {i}.");
            }
        }

        return [.. rows];
    }

    internal Matrix Load(TestMatrix matrix) => Own(Backend.LoadMatrix(matrix.View));

    internal TestMatrix NewMatrix(WeightEncoding encoding, int rows, int columns, int blockRows = 128, int blockColumns = 128)
        => Own(new TestMatrix(encoding, rows, columns, Random, blockRows, blockColumns));

    internal static double[] Wide(float[] values) => Array.ConvertAll(values, v => (double)v);

    internal static void AssertClose(float[] actual, double[] expected, double tolerance)
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length));
        double bound = tolerance * expected.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();
        for (int i = 0; i < expected.Length; i++)
        {
            bool same = double.IsFinite(expected[i]) ? Math.Abs(actual[i] - expected[i]) <= bound : expected[i].Equals((double)actual[i]);
            if (!same)
            {
                Assert.Fail($"Element {i} of {expected.Length} is {actual[i]:R}, expected {expected[i]:R} to within {bound:E1}.");
            }
        }
    }

    /// <summary>
    /// Runs an operation for all tokens at once, then for each token alone and for a pair, and compares bits.
    /// </summary>
    /// <param name="run">Computes tokens first .. first + count of the step and returns all rows of the output.</param>
    internal static void AssertSameBitsInAnyBatch(int count, int width, Func<int, int, float[]> run)
    {
        float[] together = run(0, count);
        foreach (int size in (int[])[1, 2, 5])
        {
            for (int first = 0; first + size <= count; first++)
            {
                Range rows = (first * width)..((first + size) * width);
                int[] expected = Array.ConvertAll(together[rows], BitConverter.SingleToInt32Bits);
                int[] actual = Array.ConvertAll(run(first, size)[rows], BitConverter.SingleToInt32Bits);
                Assert.That(actual, Is.EqualTo(expected), $"Tokens {first} .. {first + size} computed apart from the rest.");
            }
        }
    }

    private Activations Spread(float[] dense, int width, float filler)
    {
        int count = dense.Length / width;
        int stride = width + Gap;
        var spread = new float[Lead + count * stride];
        Array.Fill(spread, filler);
        for (int t = 0; t < count; t++)
        {
            dense.AsSpan(t * width, width).CopyTo(spread.AsSpan(Lead + t * stride));
        }

        return new Activations(Upload(spread), Lead, stride, width);
    }
}
