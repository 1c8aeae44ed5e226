using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Kernels.Gpu;
using DeepSeekEngine.Testing.BackendSuite;
using ILGPU.Runtime.Cuda;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>
/// The operations with matrices by the kernels for tensor cores, for any number of tokens, on ILGPU's CPU accelerator. What those kernels owe
/// to rounding activations to bfloat16 the suite's tolerance allows; the tests here take activations that are bfloat16 already and allow none.
/// </summary>
[TestFixture]
public class TensorCoreOperationTests : MatrixOperationTests
{
    // Those of all other kernels for GPUs.
    private const double ExactTolerance = 3e-6;

    private static readonly string[] TensorCoreEncodings =
        [.. KernelCatalog.Encodings.Where(KernelCatalog.HasTensorCoreFormat).Select(encoding => encoding.ToString())];

    // Rows and columns: less than a tile and more than several; steps that end within a block of scales, within a word, and on neither.
    private static readonly int[][] ExactShapes = [[1, 1], [33, 64], [70, 136], [16, 300], [100, 65]];

    internal override bool IsSlow => true;

    internal override double Tolerance => 1.0 / 128;

    internal override double ExponentialTolerance => 1.0 / 128;

    internal override IBackend CreateBackend() => IlgpuBackend.CreateOnCpuAccelerator(tensorCoreTokens: 1);

    [Test]
    public void Exact_activations_are_multiplied_exactly(
        [ValueSource(nameof(TensorCoreEncodings))] string encoding, [ValueSource(nameof(ExactShapes))] int[] shape, [Values(9, 35)] int count)
        => AssertExact(Backend, Enum.Parse<WeightEncoding>(encoding), shape[0], shape[1], count);

    [Test]
    public void Nothing_is_rounded_in_a_step_that_may_not_be([ValueSource(nameof(TensorCoreEncodings))] string encoding)
    {
        const int rows = 33, columns = 64, count = 20;
        TestMatrix matrix = NewMatrix(Enum.Parse<WeightEncoding>(encoding), rows, columns);
        float[] x = Values(count * columns);
        using IlgpuBackend plain = IlgpuBackend.CreateOnCpuAccelerator();
        float[] expected = Multiply(plain);
        float[] rounded = Multiply(Backend);
        Backend.BeginStep(mayRound: false);
        try
        {
            Assert.That(Multiply(Backend), Is.EqualTo(expected));
        }
        finally
        {
            Backend.BeginStep(mayRound: true);
        }

        Assert.That(rounded, Is.Not.EqualTo(expected));

        float[] Multiply(IBackend backend)
        {
            using Matrix weight = backend.LoadMatrix(matrix.View);
            using DeviceArray<float> input = backend.Allocate<float>(x.Length), output = backend.Allocate<float>(count * rows);
            input.Upload(x);
            backend.Linear(Activations.Dense(input, columns), weight, Activations.Dense(output, rows), count);
            return Download(output);
        }
    }

    // Four warps a group, as on a GPU, which divide rows and tokens among them; two tiles of either.
    [Test]
    public void Warps_of_a_group_divide_a_tile([ValueSource(nameof(TensorCoreEncodings))] string encoding)
    {
        using IlgpuBackend backend = IlgpuBackend.CreateOnCpuAccelerator(tensorCoreTokens: 1, catalog: KernelCatalog.Gpu);
        AssertExact(backend, Enum.Parse<WeightEncoding>(encoding), 100, 200, 70);
    }

    // Tiles of one expert that follow each other, one that no token chose, and wide enough for several tiles and blocks of scales.
    [Test]
    public void Tokens_are_grouped_by_their_experts([ValueSource(nameof(TensorCoreEncodings))] string encoding, [Values] bool likeAGpu)
    {
        int count = likeAGpu ? 66 : 35;
        const int chosen = 2;
        const int width = 72;
        const int inner = 70;
        using IlgpuBackend? gpu = likeAGpu
            ? IlgpuBackend.CreateOnCpuAccelerator(tensorCoreTokens: 1, catalog: KernelCatalog.Gpu) : null;
        IBackend backend = gpu ?? Backend;
        var format = Enum.Parse<WeightEncoding>(encoding);
        WeightMatrix[] gate = Experts(inner, width);
        WeightMatrix[] up = Experts(inner, width);
        WeightMatrix[] down = Experts(width, inner);
        float[] x = RoundedValues(count * width);
        float[] weights = Values(count * chosen);
        float[] before = Values(count * width);
        int[] ids = Choices(count, chosen, gate.Length);
        using ExpertMatrices gates = backend.LoadExperts(gate);
        using ExpertMatrices ups = backend.LoadExperts(up);
        using ExpertMatrices downs = backend.LoadExperts(down);
        using DeviceArray<int> idArray = backend.Allocate<int>(ids.Length);
        using DeviceArray<float> values = backend.Allocate<float>(x.Length + weights.Length + before.Length + count * chosen * inner);
        idArray.Upload(ids);
        values.Upload([.. x, .. weights, .. before]);
        backend.RoutedExperts(
            new Activations(values, 0, width, width), idArray, new Activations(values, x.Length, chosen, chosen), gates, ups, downs,
            new Activations(values, x.Length + weights.Length + before.Length, inner, inner),
            new Activations(values, x.Length + weights.Length, width, width), count);
        List<double> expected = [];
        for (int t = 0; t < count; t++)
        {
            double[] y = [.. before[(t * width)..((t + 1) * width)]];
            double[] token = Wide(x[(t * width)..((t + 1) * width)]);
            for (int i = t * chosen; i < (t + 1) * chosen; i++)
            {
                double[] hidden = ScalarDense.SwiGlu(ScalarDense.Linear(token, gate[ids[i]]), ScalarDense.Linear(token, up[ids[i]]));
                double[] product = ScalarDense.Linear(Array.ConvertAll(hidden, h => (double)ScalarBFloat16.Rounded((float)h)), down[ids[i]]);
                y = [.. y.Zip(product, (sum, value) => sum + weights[i] * value)];
            }

            expected.AddRange(y);
        }

        // A hidden value as near the middle of two of bfloat16 as the last bits of its sum may be rounded to the other.
        AssertClose(Download(values)[(x.Length + weights.Length)..(x.Length + weights.Length + before.Length)], [.. expected], 2e-4);

        WeightMatrix[] Experts(int rows, int columns)
            => [.. Enumerable.Range(0, 3).Select(_ => NewMatrix(format, rows, columns, 32, 64).View)];
    }

    [Test]
    public void The_router_takes_activations_as_they_are([ValueSource(nameof(TensorCoreEncodings))] string encoding)
    {
        TestMatrix weight = NewMatrix(Enum.Parse<WeightEncoding>(encoding), 9, 130);
        float[] x = Values(20 * 130);
        Activations y = Output(20, 9);
        Backend.Linear(Input(x, 130), Own(Backend.LoadMatrix(weight.View with { ExactActivations = true })), y, 20);
        AssertClose(Read(y), ScalarDense.Linear(Wide(x), weight.View), ExactTolerance);
    }

    [Test]
    public void Many_tokens_are_rounded_and_few_are_not()
    {
        using IlgpuBackend backend = IlgpuBackend.CreateOnCpuAccelerator(tensorCoreTokens: 17);
        TestMatrix weight = NewMatrix(WeightEncoding.BF16, 9, 130);
        float[] x = Values(17 * 130);
        using Matrix loaded = backend.LoadMatrix(weight.View);
        using DeviceArray<float> input = backend.Allocate<float>(x.Length);
        using DeviceArray<float> output = backend.Allocate<float>(17 * 9);
        input.Upload(x);
        double[] exact = ScalarDense.Linear(Wide(x), weight.View);
        backend.Linear(Activations.Dense(input, 130), loaded, Activations.Dense(output, 9), 16);
        AssertClose(Download(output)[..(16 * 9)], exact[..(16 * 9)], ExactTolerance);
        backend.Linear(Activations.Dense(input, 130), loaded, Activations.Dense(output, 9), 17);
        AssertClose(Download(output), ScalarDense.Linear(Array.ConvertAll(x, value => (double)ScalarBFloat16.Rounded(value)), weight.View), ExactTolerance);
        Assert.That(Download(output).Zip(exact, (a, b) => Math.Abs(a - b)).Max(), Is.GreaterThan(1e-3));
    }

    [Test]
    public void Where_memory_is_short_activations_stay_as_they_are()
    {
        using var backend = IlgpuBackend.CreateOnCpuAccelerator(memoryLimit: 60_000, tensorCoreTokens: 1);
        TestMatrix weight = NewMatrix(WeightEncoding.BF16, 9, 130);
        float[] x = Values(60 * 130);
        using Matrix loaded = backend.LoadMatrix(weight.View);
        using DeviceArray<float> input = backend.Allocate<float>(x.Length);
        using DeviceArray<float> output = backend.Allocate<float>(60 * 9);
        input.Upload(x);
        backend.Linear(Activations.Dense(input, 130), loaded, Activations.Dense(output, 9), 60);
        AssertClose(Download(output), ScalarDense.Linear(Wide(x), weight.View), ExactTolerance);
    }

    [Test]
    public void Devices_of_compute_capability_8_0_and_above_have_tensor_cores_for_bfloat16()
    {
        Assert.That(TensorCores.Exist(new CudaArchitecture(7, 5)), Is.False);
        Assert.That(TensorCores.Exist(new CudaArchitecture(8, 0)));
        Assert.That(TensorCores.Exist(new CudaArchitecture(9, 0)));
    }

    /// <summary>Values in -1 .. 1 that are bfloat16.</summary>
    private float[] RoundedValues(int count) => Array.ConvertAll(Values(count), ScalarBFloat16.Rounded);

    private void AssertExact(IBackend backend, WeightEncoding encoding, int rows, int columns, int count)
    {
        TestMatrix weight = NewMatrix(encoding, rows, columns, 12, 64);
        float[] x = RoundedValues(count * columns);
        using Matrix loaded = backend.LoadMatrix(weight.View);
        using DeviceArray<float> input = backend.Allocate<float>(x.Length);
        using DeviceArray<float> output = backend.Allocate<float>(count * rows);
        input.Upload(x);
        backend.Linear(Activations.Dense(input, columns), loaded, Activations.Dense(output, rows), count);
        AssertClose(Download(output), ScalarDense.Linear(Wide(x), weight.View), ExactTolerance);
    }
}
