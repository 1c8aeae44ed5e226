using System.Reflection;
using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Kernels.Gpu;
using DeepSeekEngine.Testing.BackendSuite;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>What ILGPU's compiler makes of the kernels for tensor cores computes what they say: <see cref="PtxMachine"/> executes it.</summary>
[TestFixture]
internal sealed class TensorCorePtxResultTests
{
    private const double Tolerance = 3e-6;

    private static readonly string[] Encodings =
        [.. KernelCatalog.Encodings.Where(KernelCatalog.HasTensorCoreFormat).Select(encoding => encoding.ToString())];

    private readonly Random random = new(9);
    private readonly List<IDisposable> owned = [];
    private Context context = null!;
    private IlgpuBackend memory = null!;

    [OneTimeSetUp]
    public void Create()
    {
        context = Context.Create(static builder => builder.ForKernels());
        memory = IlgpuBackend.CreateOnCpuAccelerator();
    }

    [OneTimeTearDown]
    public void Dispose()
    {
        owned.ForEach(disposable => disposable.Dispose());
        memory.Dispose();
        context.Dispose();
    }

    // Two tiles of more steps than are in shared memory, and one that neither rows nor columns nor tokens fill.
    [Test]
    public void Products_are_those_of_the_scalar_twin(
        [ValueSource(nameof(Encodings))] string encoding, [Values("40 70 200 1", "9 33 65 0")] string sizes)
    {
        int[] numbers = [.. sizes.Split(' ').Select(int.Parse)];
        (int tokens, int rows, int columns, int accumulate) = (numbers[0], numbers[1], numbers[2], numbers[3]);
        var format = Enum.Parse<WeightEncoding>(encoding);
        TestMatrix weight = Own(new TestMatrix(format, rows, columns, random, 12, 64));
        float[] x = Values(tokens * columns);
        float[] before = Values(tokens * rows);
        RowView y = Rows(before, rows);
        Run(KernelCatalog.Gpu.Get<MmaLinear.Parameters>(format), Tiles(tokens), Tiles(rows), new MmaLinear.Parameters
        {
            Weight = ((IlgpuMatrix)Own(memory.LoadMatrix(weight.View))).Weights.View,
            X = Rounded(Rows(x, columns), tokens, columns),
            Y = y,
            Tokens = tokens,
            Accumulate = accumulate,
        });
        double[] expected = ScalarDense.Linear(Wide(x), weight.View);
        OperationTests.AssertClose(Read(y.Data), [.. expected.Zip(before, (sum, old) => sum + accumulate * old)], Tolerance);
    }

    // Each of two experts has more tokens than a tile; the third has none.
    [Test]
    public void Experts_are_mixed_as_by_the_scalar_twin([Values("F8E4M3", "Int4")] string encoding)
    {
        const int count = 66;
        const int chosen = 2;
        const int slots = count * chosen;
        const int width = 72;
        const int inner = 40;
        const int maxTiles = 5;
        var format = Enum.Parse<WeightEncoding>(encoding);
        (WeightMatrix[] gate, WeightView gateView) = Experts(format, inner, width);
        (WeightMatrix[] up, WeightView upView) = Experts(format, inner, width);
        (WeightMatrix[] down, WeightView downView) = Experts(format, width, inner);
        float[] x = Values(count * width);
        float[] weights = Values(slots);
        float[] before = Values(count * width);
        int[] ids = [.. Enumerable.Range(0, slots).Select(slot => (slot + (slot / chosen & 1)) % 2)];
        int[] order = [.. Enumerable.Range(0, slots).OrderBy(slot => ids[slot]).SelectMany(slot => (int[])[slot, ids[..slot].Count(id => id == ids[slot])])];
        ArrayView<int> tiles = Buffer<int>(MmaExperts.TileLength * maxTiles);
        ArrayView<int> tokens = Buffer<int>(slots);
        ArrayView<int> positions = Buffer<int>(slots);
        Run(KernelCatalog.Gpu.Get<MmaExperts.TileParameters>(), (slots + maxTiles + 63) / 64, 1, new MmaExperts.TileParameters
        {
            Ids = Integers(ids), Order = Integers(order), Tiles = tiles, Tokens = tokens, Positions = positions,
            MaxTiles = maxTiles, Chosen = chosen, Slots = slots,
        });
        RowView hidden = Rows(new float[slots * inner], inner);
        Run(KernelCatalog.Gpu.Get<MmaExperts.HiddenParameters>(format), Tiles(2 * inner), maxTiles, new MmaExperts.HiddenParameters
        {
            X = Rounded(Rows(x, width), count, width), Tiles = tiles, Tokens = tokens, Gate = gateView, Up = upView, Hidden = hidden,
        });
        RowView products = Rows(new float[slots * width], width);
        Run(KernelCatalog.Gpu.Get<MmaExperts.DownParameters>(format), Tiles(width), maxTiles, new MmaExperts.DownParameters
        {
            Hidden = Rounded(hidden, slots, inner), Tiles = tiles, Down = downView, Products = products,
        });
        RowView y = Rows(before, width);
        Run(KernelCatalog.Gpu.Get<MmaExperts.MixParameters>(), (width + 63) / 64, count, new MmaExperts.MixParameters
        {
            Products = products, Positions = positions, Weights = Rows(weights, chosen), Y = y, Chosen = chosen, Width = width,
        });

        // The twin does not round hidden values to bfloat16.
        double[] expected = [.. Enumerable.Range(0, count).SelectMany(t => ScalarExperts.Mix(
            Wide(x[(t * width)..((t + 1) * width)]), ids.AsSpan(t * chosen, chosen), Wide(weights[(t * chosen)..((t + 1) * chosen)]),
            gate, up, down))];
        OperationTests.AssertClose(Read(y.Data), [.. expected.Zip(before, (sum, old) => sum + old)], 1.0 / 256);
    }

    private static int Tiles(int length) => (length + 63) / 64;

    private static double[] Wide(float[] values) => Array.ConvertAll(values, value => (double)value);

    private static float[] Read(ArrayView<float> view)
    {
        float[] values = new float[view.Length];
        view.CopyToCPU(values);
        return values;
    }

    /// <summary>Values in -1 .. 1 that are bfloat16.</summary>
    private float[] Values(int count) => [.. Enumerable.Range(0, count).Select(
        _ => BitConverter.UInt32BitsToSingle((uint)ScalarBFloat16.Round(random.NextSingle() * 2 - 1) << 16))];

    private ArrayView<T> Buffer<T>(long length)
        where T : unmanaged
        => Own(memory.AllocateBuffer<T>(length)).View.BaseView;

    private ArrayView<int> Integers(int[] values)
    {
        ArrayView<int> data = Buffer<int>(values.Length);
        data.CopyFromCPU(values);
        return data;
    }

    private (WeightMatrix[] Matrices, WeightView View) Experts(WeightEncoding format, int rows, int columns)
    {
        WeightMatrix[] matrices = [.. Enumerable.Range(0, 3).Select(_ => Own(new TestMatrix(format, rows, columns, random, 12, 64)).View)];
        return (matrices, ((IlgpuExpertMatrices)Own(memory.LoadExperts(matrices))).Weights.View);
    }

    private RowView Rows(float[] values, int width)
    {
        ArrayView<float> data = Buffer<float>(values.Length);
        data.CopyFromCPU(values);
        return new RowView { Data = data, Offset = 0, Stride = width };
    }

    private RoundedRows Rounded(RowView x, int count, int columns)
    {
        int pitch = RoundedRows.PitchOf(columns);
        RoundedRows rounded = new() { Data = Buffer<Quad>((long)count * pitch), Pitch = pitch };
        Run(KernelCatalog.Gpu.Get<RoundRows.Parameters>(), count, (pitch + 63) / 64, new RoundRows.Parameters
        {
            X = x, Y = rounded, Width = columns,
        });
        return rounded;
    }

    private void Run<TParameters>(MethodInfo kernel, int gridX, int gridY, TParameters parameters)
        where TParameters : struct
    {
        PtxMachine machine = new(PtxLint.Generate(context, kernel, new CudaArchitecture(8, 0)));
        int groupSize = KernelCatalog.EncodingOf(kernel) is null ? KernelCatalog.Gpu.GroupSize : KernelCatalog.Gpu.TensorCoreGroupSize;
        machine.Launch(gridX, gridY, groupSize, PtxParameters.Of(parameters, machine));
    }

    private T Own<T>(T disposable)
        where T : IDisposable
    {
        owned.Add(disposable);
        return disposable;
    }
}
