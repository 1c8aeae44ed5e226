using System.Text.Json;
using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using NUnit.Framework;

namespace DeepSeekEngine.Testing.BackendSuite;

/// <summary>
/// What every backend must do with rows and matrices, dense ones and those of experts: each operation against its scalar twin in double, and the
/// same bits for a token in whatever batch.
/// </summary>
public abstract partial class MatrixOperationTests : OperationTests
{
    protected static readonly string[] Encodings =
        [.. Enum.GetValues<WeightEncoding>().Where(e => !e.IsPacked()).Select(e => e.ToString())];

    // Rows, columns, and the scale block's rows and columns.
    private static readonly object[] Shapes =
    [
        new[] { 1, 1, 128, 128 },
        new[] { 3, 5, 2, 2 },
        new[] { 17, 33, 16, 32 },
        new[] { 16, 64, 128, 128 },
        new[] { 21, 300, 128, 128 },
        new[] { 9, 150, 4, 7 },
        new[] { 5, 96, 3, 48 },
    ];

    [Test]
    public void Arrays_start_as_zeros_and_give_back_what_was_uploaded()
    {
        using DeviceArray<float> array = Backend.Allocate<float>(1000);
        Assert.That(Download(array), Is.All.EqualTo(0f));
        array.Upload([1, 2, 3], 997);
        var values = new float[4];
        array.Download(values, 996);
        Assert.That(values, Is.EqualTo(new float[] { 0, 1, 2, 3 }));
        Assert.That(() => array.Upload([1, 2], 999), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => array.Download(values, -1), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Embed_decodes_the_rows_of_tokens(
        [ValueSource(nameof(Encodings))] string encoding, [ValueSource(nameof(Shapes))] int[] shape)
    {
        TestMatrix table = NewMatrix(Enum.Parse<WeightEncoding>(encoding), shape[0], shape[1], shape[2], shape[3]);
        int[] tokens = [.. Enumerable.Range(0, 6).Select(_ => Random.Next(shape[0]))];
        Activations y = Output(tokens.Length, shape[1]);
        Backend.Embed(Upload(tokens), Load(table), y, tokens.Length);
        AssertClose(Read(y), ScalarDense.Embed(tokens, table.View), 1e-7);
    }

    [Test]
    public void Embed_decodes_every_e4m3_code_exactly()
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(Path.Combine(TestPaths.Fixtures[0], "ops.json")));
        double[] expected = [.. json.RootElement.GetProperty("fp8_e4m3fn_decode").EnumerateArray()
            .Select(e => e.ValueKind == JsonValueKind.Number ? e.GetDouble() : double.NaN)];
        TestMatrix table = NewMatrix(WeightEncoding.F8E4M3, 1, 256);
        for (int i = 0; i < 256; i++)
        {
            table.Data[i] = (byte)i;
        }

        table.Scales.Fill(1);
        Activations y = Output(1, 256);
        Backend.Embed(Upload(0), Load(table), y, 1);
        AssertClose(Read(y), expected, 0);
    }

    [Test]
    public void Linear_multiplies_by_the_transposed_matrix(
        [ValueSource(nameof(Encodings))] string encoding, [ValueSource(nameof(Shapes))] int[] shape, [Values(1, 2, 9)] int count)
    {
        TestMatrix weight = NewMatrix(Enum.Parse<WeightEncoding>(encoding), shape[0], shape[1], shape[2], shape[3]);
        float[] x = Values(count * shape[1]);
        Activations y = Output(count, shape[0]);
        Backend.Linear(Input(x, shape[1]), Load(weight), y, count);
        AssertClose(Read(y), ScalarDense.Linear(Wide(x), weight.View), Tolerance);
    }

    [Test]
    public void LinearAdd_adds_to_what_is_there([ValueSource(nameof(Encodings))] string encoding)
    {
        TestMatrix weight = NewMatrix(Enum.Parse<WeightEncoding>(encoding), 19, 45);
        float[] x = Values(4 * 45);
        float[] before = Values(4 * 19);
        Activations y = Output(4, 19, before);
        Backend.LinearAdd(Input(x, 45), Load(weight), y, 4);
        AssertClose(Read(y), [.. ScalarDense.Linear(Wide(x), weight.View).Zip(before, (a, b) => a + b)], Tolerance);
    }

    [Test]
    public void Linear_is_the_same_in_any_batch([ValueSource(nameof(Encodings))] string encoding, [Values(45, 64, 150, 1100)] int columns)
    {
        columns = IsSlow ? Math.Min(columns, 150) : columns;
        TestMatrix weight = NewMatrix(Enum.Parse<WeightEncoding>(encoding), 21, columns, 8, 64);
        Matrix loaded = Load(weight);
        Activations x = Input(Values(9 * columns), columns);
        float[] before = Values(9 * 21);
        AssertSameBitsInAnyBatch(9, 21, (first, count) =>
        {
            Activations y = Output(9, 21, before);
            Backend.Linear(x.From(first), loaded, y.From(first), count);
            Backend.LinearAdd(x.From(first), loaded, y.From(first), count);
            return Read(y);
        });
    }

    [Test]
    public void A_weight_that_is_not_a_number_makes_its_output_not_a_number([Values(1, 4)] int count)
    {
        TestMatrix weight = NewMatrix(WeightEncoding.F8E4M3, 3, 160);
        weight.Data[160 + 100] = 0x7F;
        weight.Data[2 * 160 + 7] = 0xFF;
        Activations y = Output(count, 3);
        Backend.Linear(Input(Values(count * 160), 160), Load(weight), y, count);
        float[] result = Read(y);
        for (int t = 0; t < count; t++)
        {
            Assert.That(Array.ConvertAll(result[(3 * t)..(3 * t + 3)], float.IsNaN), Is.EqualTo(new[] { false, true, true }));
        }
    }

    [Test]
    public void Large_scales_do_not_overflow([Values(1, 4)] int count)
    {
        TestMatrix weight = NewMatrix(WeightEncoding.F8E4M3, 5, 256);
        weight.Scales.Fill(1e6f);
        float[] x = Values(count * 256);
        Activations y = Output(count, 5);
        Backend.Linear(Input(x, 256), Load(weight), y, count);
        AssertClose(Read(y), ScalarDense.Linear(Wide(x), weight.View), Tolerance);
    }

    [Test]
    public void GatherRows_copies_the_rows_named()
    {
        float[] x = Values(7 * 13);
        int[] rows = [6, 0, 3, 3];
        Activations y = Output(rows.Length, 13);
        Backend.GatherRows(Input(x, 13), Upload(rows), y, rows.Length);
        Assert.That(Read(y), Is.EqualTo(rows.SelectMany(r => x[(13 * r)..(13 * r + 13)])));
    }

    [Test]
    public void RmsNorm_divides_by_the_root_mean_square([Values(1, 7, 64, 333)] int width, [Values(1e-6f, 0.5f)] float epsilon)
    {
        float[] x = Values(5 * width);
        float[] weight = Values(width);
        Activations y = Output(5, width);
        Backend.RmsNorm(Input(x, width), Upload(weight), epsilon, y, 5);
        double[] expected = ScalarDense.RmsNorm(Wide(x), weight, epsilon);
        AssertClose(Read(y), expected, Tolerance);
        Activations inPlace = Output(5, width, x);
        Backend.RmsNorm(inPlace, Upload(weight), epsilon, inPlace, 5);
        AssertClose(Read(inPlace), expected, Tolerance);
    }

    [Test]
    public void RmsNorm_is_the_same_in_any_batch()
    {
        Activations x = Input(Values(9 * 77), 77);
        DeviceArray<float> weight = Upload(Values(77));
        AssertSameBitsInAnyBatch(9, 77, (first, count) =>
        {
            Activations y = Output(9, 77);
            Backend.RmsNorm(x.From(first), weight, 1e-6f, y.From(first), count);
            return Read(y);
        });
    }

    [Test]
    public void SwiGlu_multiplies_the_gated_by_the_gate([Values(1, 6, 64, 150)] int width)
    {
        float[] gate = [.. Values(3 * width).Select(v => v * 30)];
        float[] up = Values(3 * width);
        double[] expected = ScalarDense.SwiGlu(Wide(gate), Wide(up));
        Activations y = Output(3, width);
        Backend.SwiGlu(Input(gate, width), Input(up, width), y, 3);
        AssertClose(Read(y), expected, ExponentialTolerance);
        Activations inPlace = Output(3, width, gate);
        Backend.SwiGlu(inPlace, Input(up, width), inPlace, 3);
        AssertClose(Read(inPlace), expected, ExponentialTolerance);
    }

    [Test]
    public void SwiGlu_of_extreme_gates_is_their_limit()
    {
        Activations y = Output(1, 4);
        Backend.SwiGlu(Input([-200, 200, -1e30f, 0], 4), Input([3, 3, 3, 3], 4), y, 1);
        float[] result = Read(y);
        Assert.That(result[0], Is.EqualTo(0).Within(1e-30));
        Assert.That(result[1], Is.EqualTo(600));
        Assert.That(result[2], Is.EqualTo(0).Within(1e-30));
        Assert.That(result[3], Is.EqualTo(0));
    }

    [Test]
    public void Add_adds_to_what_is_there([Values(1, 6, 64, 150, 1500)] int width)
    {
        float[] x = Values(3 * width);
        float[] y = Values(3 * width);
        Activations sum = Output(3, width, y);
        Backend.Add(Input(x, width), sum, 3);
        Assert.That(Read(sum), Is.EqualTo(Array.ConvertAll(ScalarDense.Add(Wide(x), Wide(y)), v => (float)v)));
    }

    [Test]
    public void Columns_of_a_wider_row_are_a_view()
    {
        float[] x = Values(4 * 40);
        TestMatrix weight = NewMatrix(WeightEncoding.BF16, 6, 11);
        Activations y = Output(4, 20);
        Backend.Linear(Input(x, 40).Columns(13, 11), Load(weight), y.Columns(7, 6), 4);
        float[] columns = [.. Enumerable.Range(0, 4).SelectMany(t => x[(40 * t + 13)..(40 * t + 24)])];
        double[] expected = ScalarDense.Linear(Wide(columns), weight.View);
        float[] result = Read(y);
        AssertClose([.. Enumerable.Range(0, 4).SelectMany(t => result[(20 * t + 7)..(20 * t + 13)])], expected, Tolerance);
        Assert.That(result[..7], Is.All.EqualTo(Mark));
        Assert.That(result[13..27], Is.All.EqualTo(Mark));
    }

    [Test]
    public void No_tokens_are_no_work()
    {
        Activations y = Output(1, 3);
        Backend.Linear(Input(Values(5), 5), Load(NewMatrix(WeightEncoding.F32, 3, 5)), y, 0);
        Assert.That(Read(y), Is.All.EqualTo(Mark));
    }
}
