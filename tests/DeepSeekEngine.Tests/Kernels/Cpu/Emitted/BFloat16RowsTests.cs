using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Emitted;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Testing.BackendSuite;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu.Emitted;

/// <summary>Products with rounded activations; where the processor lacks the instruction, around a twin of it.</summary>
public unsafe class BFloat16RowsTests
{
    [TestCase(8, 37, 2500)]
    [TestCase(8, 16, 128)]
    [TestCase(16, 37, 2500)]
    [TestCase(16, 5, 31)]
    [TestCase(16, 20, 1024)]
    public void Every_number_of_tokens_gives_the_bits_of_the_twin(int bits, int rows, int columns)
    {
        var random = new Random(5);
        using var matrix = new TestMatrix(bits == 8 ? WeightEncoding.F8E4M3 : WeightEncoding.BF16, rows, columns, random);
        Assume.That(BFloat16Rows.Supports(matrix.View));
        const int tokens = 31;
        float[] x = [.. Enumerable.Range(0, tokens * columns).Select(_ => (float)(random.NextDouble() * 4 - 2))];
        float[] expected = ScalarBFloat16.Linear(x, matrix.View);
        foreach (int count in (int[])[tokens, 1])
        {
            Assert.That(Multiply(matrix.View, x, tokens, count, accumulate: false), Is.EqualTo(expected));
        }

        float[] added = [.. expected.Select(value => 0.5f + value)];
        Assert.That(Multiply(matrix.View, x, tokens, tokens, accumulate: true), Is.EqualTo(added));
    }

    [Test]
    public void The_twin_is_as_close_as_rounded_activations_are()
    {
        var random = new Random(6);
        using var matrix = new TestMatrix(WeightEncoding.BF16, 16, 512, random);
        float[] x = [.. Enumerable.Range(0, 512).Select(_ => (float)(random.NextDouble() * 2 - 1))];
        double[] exact = ScalarDense.Linear([.. x.Select(value => (double)value)], matrix.View);
        double[] rounded = [.. ScalarBFloat16.Linear(x, matrix.View).Select(value => (double)value)];
        double error = Math.Sqrt(exact.Zip(rounded, (a, b) => (a - b) * (a - b)).Sum() / exact.Sum(a => a * a));
        Assert.That(error, Is.LessThan(1.0 / 256));
    }

    /// <summary>Some tokens at a time, through as much memory as the kernel may use.</summary>
    private static float[] Multiply(WeightMatrix matrix, float[] x, int tokens, int count, bool accumulate)
    {
        var y = new float[tokens * matrix.Rows];
        Array.Fill(y, 0.5f);
        delegate* unmanaged<BFloat16Tile*, void> kernel = BFloat16Kernel.Tile != null ? BFloat16Kernel.Tile : &ScalarBFloat16.Tile;
        using var scratch = new NativeBuffer(BFloat16Rows.ScratchLength * sizeof(float));
        float** inputs = stackalloc float*[count];
        float** outputs = stackalloc float*[count];
        fixed (float* xs = x, ys = y)
        {
            for (int first = 0; first < tokens; first += count)
            {
                for (int row = 0; row < matrix.Rows; row += MatrixRows.Block)
                {
                    for (int t = 0; t < count; t++)
                    {
                        inputs[t] = xs + (first + t) * matrix.Columns;
                        outputs[t] = ys + (first + t) * matrix.Rows + row;
                    }

                    // Of the widest registers, whose decoding takes the most columns at a time.
                    int rows = Math.Min(MatrixRows.Block, matrix.Rows - row);
                    BFloat16Rows.Multiply<Lanes512>(kernel, matrix, row, rows, inputs, outputs, count, accumulate, (float*)scratch.Pointer);
                }
            }
        }

        return y;
    }
}
