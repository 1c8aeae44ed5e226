using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Emitted;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Testing.BackendSuite;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu.Emitted;

/// <summary>Products with rounded activations, by the emitted functions where the processor has the instructions and by their twins.</summary>
public unsafe class BFloat16RowsTests
{
    [Test]
    public void Every_number_of_tokens_gives_the_bits_of_the_definition(
        [Values] bool emitted, [Values(8, 16)] int bits, [Values(1, 5, 31, 64)] int rows, [Values(31, 64, 1024, 1090, 2500)] int columns)
    {
        BFloat16Kernels kernels = TestedKernels.Of(emitted);
        var random = new Random(5);
        using var matrix = new TestMatrix(bits == 8 ? WeightEncoding.F8E4M3 : WeightEncoding.BF16, rows, columns, random);
        WeightMatrix view = matrix.View with { BFloat16 = bits == 8 ? kernels.F8E4M3 : kernels.BF16 };
        Assert.That(BFloat16Rows.Supports(view));
        const int tokens = 13;
        float[] x = [.. Enumerable.Range(0, tokens * columns).Select(_ => (float)(random.NextDouble() * 4 - 2))];
        float[] expected = ScalarBFloat16.Linear(x, view);
        foreach (int count in (int[])[tokens, 5, 4, 3, 2, 1])
        {
            Assert.That(Multiply(view, x, tokens, count, accumulate: false), Is.EqualTo(expected), $"{count} tokens at a time");
        }
    }

    [Test]
    public void Products_are_added_to_what_is_there(
        [Values] bool emitted, [Values(8, 16)] int bits, [Values(300, 5000)] int columns, [Values(1, 2, 13, 100)] int count)
    {
        BFloat16Kernels kernels = TestedKernels.Of(emitted);
        var random = new Random(7);
        using var matrix = new TestMatrix(bits == 8 ? WeightEncoding.F8E4M3 : WeightEncoding.BF16, 37, columns, random);
        WeightMatrix view = matrix.View with { BFloat16 = bits == 8 ? kernels.F8E4M3 : kernels.BF16 };
        float[] x = [.. Enumerable.Range(0, 100 * columns).Select(_ => (float)(random.NextDouble() * 4 - 2))];
        float[] expected = ScalarBFloat16.Linear(x, view, start: 0.5f);
        Assert.That(Multiply(view, x, 100, count, accumulate: true), Is.EqualTo(expected));
    }

    [Test]
    public void Every_code_of_E4M3_decodes_to_itself([Values] bool emitted)
    {
        BFloat16Kernels kernels = TestedKernels.Of(emitted);
        byte* codes = stackalloc byte[256];
        ushort* decoded = stackalloc ushort[BFloat16Layout.RowStride];
        for (int i = 0; i < 256; i++)
        {
            codes[i] = (byte)i;
        }

        var arguments = new BFloat16DecodeArguments
        {
            Weights = codes, RowBytes = 256, Rows = 1, Columns = new ColumnChunks(256), Destination = decoded,
        };
        kernels.F8E4M3.Decode(&arguments);
        for (int i = 0; i < 256; i++)
        {
            int place = i / 64 * 64 + i / 8 % 2 * 32 + i % 64 / 16 * 8 + i % 8;
            float value = BitConverter.UInt32BitsToSingle((uint)decoded[place] << 16);
            Assert.That(value, Is.EqualTo((float)ScalarWeights.DecodeE4M3((byte)i)), $"{i:X2}");
        }
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

    /// <summary>What the emulated processor is asked for, here where there is such a processor.</summary>
    [Test]
    public void Functions_agree_with_their_twins_to_the_last_bit([Values] BFloat16Function function)
    {
        BFloat16Kernels kernels = TestedKernels.Of(emitted: true);
        foreach (BFloat16Case operands in EmulatedKernelTests.BFloat16Cases(function))
        {
            Assert.That(operands.Result(kernels), Is.EqualTo(operands.Expected()), $"{operands}");
        }
    }

    /// <summary>Some tokens at a time, through as much memory as the kernel may use.</summary>
    private static float[] Multiply(WeightMatrix matrix, float[] x, int tokens, int count, bool accumulate)
    {
        var y = new float[tokens * matrix.Rows];
        Array.Fill(y, 0.5f);
        using var scratch = new NativeBuffer(BFloat16Rows.ScratchLength * sizeof(float));
        float** inputs = stackalloc float*[count];
        float** outputs = stackalloc float*[count];
        fixed (float* xs = x, ys = y)
        {
            for (int first = 0, some; first < tokens; first += some)
            {
                some = Math.Min(count, tokens - first);
                for (int t = 0; t < some; t++)
                {
                    inputs[t] = xs + (first + t) * matrix.Columns;
                    outputs[t] = ys + (first + t) * matrix.Rows;
                }

                BFloat16Rows.Multiply(matrix, 0, matrix.Rows, inputs, outputs, some, accumulate, (float*)scratch.Pointer, null);
            }
        }

        return y;
    }
}
