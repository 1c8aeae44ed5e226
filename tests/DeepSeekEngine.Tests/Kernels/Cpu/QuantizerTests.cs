using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Testing.BackendSuite;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu;

/// <summary>Rounding to packed weights: the scalar twin's bits, the bounds of the error, and the extremes of float32.</summary>
public unsafe class QuantizerTests
{
    private static readonly string[] Targets = ["Int8", "Int4"];
    private static readonly string[] Sources = ["F32", "F16", "BF16", "F8E4M3"];

    [Test]
    public void Packs_the_bits_of_the_scalar_twin(
        [ValueSource(nameof(Sources))] string source, [ValueSource(nameof(Targets))] string target,
        [Values(1, 15, 16, 37)] int rows, [Values(1, 31, 32, 33, 63, 65, 128, 300)] int columns)
    {
        using var matrix = new TestMatrix(Enum.Parse<WeightEncoding>(source), rows, columns, new Random(rows + columns), 16, 48);
        using var packed = new PackedMatrix(matrix.View, Enum.Parse<WeightEncoding>(target));
        Assert.That(packed.Data.SequenceEqual(ScalarPacked.Pack(matrix.View, packed.View.Encoding)));
    }

    [Test]
    public void Packs_panels_wherever_they_are_asked_for([ValueSource(nameof(Targets))] string target)
    {
        WeightEncoding encoding = Enum.Parse<WeightEncoding>(target);
        using var matrix = new TestMatrix(WeightEncoding.BF16, 70, 200, new Random(1));
        using var whole = new PackedMatrix(matrix.View, encoding);
        using var parts = new PackedMatrix(encoding, 70, 200);
        using var scratch = new NativeBuffer(Quantizer.ScratchLength(200) * sizeof(float));
        foreach ((int first, int count) in ((int, int)[])[(3, 2), (0, 1), (1, 2)])
        {
            Quantizer.Quantize(matrix.View, encoding, first, count, parts.View.Data, (float*)scratch.Pointer);
        }

        Assert.That(parts.Data.SequenceEqual(whole.Data));
    }

    [TestCase("Int8", 0.5 / 127 + 1e-6)]
    [TestCase("Int4", 2.0 / 8)]
    public void Errors_are_bounded(string target, double bound)
    {
        using var matrix = new TestMatrix(WeightEncoding.F32, 40, 640, new Random(4));
        using var packed = new PackedMatrix(matrix.View, Enum.Parse<WeightEncoding>(target));
        double squares = 0;
        for (int i = 0; i < 40 * 640; i++)
        {
            double error = ScalarWeights.Decode(matrix.View, i / 640, i % 640) - ScalarWeights.Decode(packed.View, i / 640, i % 640);
            squares += error * error;
            Assert.That(Math.Abs(error), Is.LessThanOrEqualTo(bound));
        }

        // Never worse than errors spread evenly over a step: Int4 clips a few weights by more than that only where others gain.
        double step = target == "Int8" ? 1.0 / 127 : 1.0 / 8;
        Assert.That(Math.Sqrt(squares / (40 * 640)), Is.LessThan(step / Math.Sqrt(12)));
    }

    [Test]
    public void Weights_that_are_representable_stay_as_they_are([ValueSource(nameof(Targets))] string target)
    {
        WeightEncoding encoding = Enum.Parse<WeightEncoding>(target);
        int limit = encoding == WeightEncoding.Int8 ? 127 : 8;
        using var matrix = new TestMatrix(WeightEncoding.F32, 16, 256, new Random(4));
        var weights = (float*)matrix.View.Data;
        for (int i = 0; i < 16 * 256; i++)
        {
            weights[i] = 0.25f * (i % 32 == 0 ? -limit : i * 7 % (2 * limit) - limit);
        }

        using var packed = new PackedMatrix(matrix.View, encoding);
        for (int i = 0; i < 16 * 256; i++)
        {
            Assert.That(ScalarWeights.Decode(packed.View, i / 256, i % 256), Is.EqualTo(weights[i]).Within(1e-6));
        }
    }

    [TestCase(float.MaxValue)]
    [TestCase(-float.MaxValue)]
    [TestCase(float.Epsilon)]
    [TestCase(1e-38f)]
    [TestCase(1.2e-29f)]
    [TestCase(1.3e-29f)]
    [TestCase(0f)]
    [TestCase(-0f)]
    public void Extremes_agree_with_the_scalar_twin(float value)
    {
        using var matrix = new TestMatrix(WeightEncoding.F32, 3, 130, new Random(4));
        for (int i = 0; i < 3 * 130; i++)
        {
            ((float*)matrix.View.Data)[i] = i % 3 == 0 ? value : value / (2 * (i % 5) - 5);
        }

        foreach (WeightEncoding encoding in (WeightEncoding[])[WeightEncoding.Int8, WeightEncoding.Int4])
        {
            using var packed = new PackedMatrix(matrix.View, encoding);
            Assert.That(packed.Data.SequenceEqual(ScalarPacked.Pack(matrix.View, encoding)), $"{encoding}");
            Assert.That(ScalarWeights.Decode(packed.View, 2, 129), Is.Not.NaN);
        }
    }

    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    [TestCase(float.NegativeInfinity)]
    public void Weights_that_are_not_finite_are_refused(float value)
    {
        using var matrix = new TestMatrix(WeightEncoding.F32, 18, 130, new Random(4));
        ((float*)matrix.View.Data)[17 * 130 + 129] = value;
        foreach (WeightEncoding encoding in (WeightEncoding[])[WeightEncoding.Int8, WeightEncoding.Int4])
        {
            Assert.That(
                () => new PackedMatrix(matrix.View, encoding),
                Throws.TypeOf<NotFiniteNumberException>().With.Message.Contains("Row 17").And.Message.Contains("from 128"));
        }
    }
}
