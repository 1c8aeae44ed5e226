using System.Runtime.InteropServices;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Kernels.Gpu;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>
/// The instructions of tensor cores as ILGPU's CPU accelerator executes them, with warps of 32 threads, against what the PTX ISA says of them.
/// </summary>
[TestFixture]
internal sealed class TensorCoresTests
{
    private Context context = null!;
    private Accelerator accelerator = null!;
    private Random random = null!;

    [OneTimeSetUp]
    public void CreateAccelerator()
    {
        context = Context.Create(static builder => builder.ForKernels());
        accelerator = new CPUDevice(TensorCores.WarpSize, 1, 1).CreateCPUAccelerator(context);
    }

    [OneTimeTearDown]
    public void DisposeAccelerator()
    {
        accelerator.Dispose();
        context.Dispose();
    }

    [SetUp]
    public void Seed() => random = new Random(3);

    [Test]
    public void MultiplyAdd_is_a_matrix_product()
    {
        uint[] a = Words(16 * 8);
        uint[] b = Words(8 * 8);
        float[] c = [.. Enumerable.Range(0, 16 * 8).Select(_ => random.NextSingle())];
        using var aBuffer = accelerator.Allocate1D(a);
        using var bBuffer = accelerator.Allocate1D(b);
        using var cBuffer = accelerator.Allocate1D(c);
        using var y = accelerator.Allocate1D<float>(c.Length);
        Run(TensorCoreKernels.Product, new TensorCoreKernels.ProductParameters
        {
            A = aBuffer.View.BaseView, B = bBuffer.View.BaseView, C = cBuffer.View.BaseView, Y = y.View.BaseView,
        });
        float[] result = y.GetAsArray1D();
        for (int row = 0; row < 16; row++)
        {
            for (int column = 0; column < 8; column++)
            {
                double expected = c[row * 8 + column];
                for (int k = 0; k < 16; k++)
                {
                    expected += Element(a, row, k) * Element(b, column, k);
                }

                Assert.That(result[row * 8 + column], Is.EqualTo(expected).Within(1e-6), $"row {row}, column {column}");
            }
        }
    }

    [Test]
    public void LoadMatrices_gives_a_lane_a_word_of_each_of_four_matrices()
    {
        uint[] rows = Words(32 * 4);
        uint[] result = RunWords(TensorCoreKernels.Matrices, rows, 32);
        for (int lane = 0; lane < 32; lane++)
        {
            for (int matrix = 0; matrix < 4; matrix++)
            {
                uint expected = rows[(8 * matrix + lane / 4) * 4 + lane % 4];
                Assert.That(result[lane * 4 + matrix], Is.EqualTo(expected), $"lane {lane}, matrix {matrix}");
            }
        }
    }

    [Test]
    public void Copies_are_there_once_waited_for_and_end_in_zeros()
    {
        uint[] words = Words(64 * 4);
        byte[] result = [.. MemoryMarshal.AsBytes<uint>(RunWords(TensorCoreKernels.Copies, words, 128))];
        byte[] source = [.. MemoryMarshal.AsBytes<uint>(words)];
        for (int lane = 0; lane < 32; lane++)
        {
            byte[] before = source[(16 * lane)..(16 * lane + 16)];
            byte[] copied = source[(16 * (lane + 32))..(16 * (lane + 32) + 16)];
            byte[] part = [.. copied.Select((value, i) => i < lane % 17 ? value : (byte)0)];
            Assert.That(At(lane), Is.EqualTo(before), $"lane {lane}, not waited for");
            Assert.That(At(lane + 32), Is.EqualTo(part), $"lane {lane}, the copy before the last");
            Assert.That(At(lane + 64), Is.EqualTo(before), $"lane {lane}, the last copy");
            Assert.That(At(lane + 96), Is.EqualTo(copied), $"lane {lane}, the last copy when another batch has ended");
        }

        byte[] At(int word) => result[(16 * word)..(16 * word + 16)];
    }

    [Test]
    public void MultiplyAddPairs_rounds_each_half_to_the_nearest()
    {
        for (int i = 0; i < 2000; i++)
        {
            uint a = Words(1)[0];
            uint b = Words(1)[0];
            uint c = Words(1)[0];
            uint result = TensorCores.MultiplyAddPairs(a, b, c);
            for (int k = 0; k < 2; k++)
            {
                float expected = (float)(Element([a], 0, k) * Element([b], 0, k) + Element([c], 0, k));
                Assert.That((result >> (16 * k)) & 0xffff, Is.EqualTo(ScalarBFloat16.Round(expected)));
            }
        }
    }

    [Test]
    public void Every_code_of_E4M3_becomes_its_value()
    {
        for (uint code = 0; code < 256; code++)
        {
            uint pair = BFloat16Pairs.FromE4M3(BFloat16Pairs.Spread(code | (255 - code) << 8));
            Assert.That(Element([pair], 0, 0), Is.EqualTo(ScalarWeights.DecodeE4M3((byte)code)), $"{code:x2}");
            Assert.That(Element([pair], 0, 1), Is.EqualTo(ScalarWeights.DecodeE4M3((byte)(255 - code))), $"{255 - code:x2}");
        }
    }

    [Test]
    public void Every_packed_integer_becomes_its_value()
    {
        for (uint stored = 0; stored < 256; stored++)
        {
            uint pair = BFloat16Pairs.FromInt8(BFloat16Pairs.Spread(stored | (255 - stored) << 8));
            Assert.That(Element([pair], 0, 0), Is.EqualTo(stored - 128.0));
            Assert.That(Element([pair], 0, 1), Is.EqualTo(127.0 - stored));
            uint nibbles = BFloat16Pairs.FromInt4(BFloat16Pairs.Spread(stored | (255 - stored) << 8));
            Assert.That(Element([nibbles], 0, 0), Is.EqualTo((stored & 15) - 8.0));
            Assert.That(Element([nibbles], 0, 1), Is.EqualTo((255 - stored & 15) - 8.0));
        }
    }

    [TestCase(1f)]
    [TestCase(1.00390625f)]
    [TestCase(1.01171875f)]
    [TestCase(-1.00390637f)]
    [TestCase(3.4e38f)]
    [TestCase(float.NegativeInfinity)]
    [TestCase(float.NaN)]
    public void Values_are_rounded_to_the_nearest_and_ties_to_even(float value)
    {
        uint pair = BFloat16Pairs.Round(value, -value);
        Assert.That(Element([pair], 0, 0), Is.EqualTo((double)BitConverter.UInt32BitsToSingle((uint)ScalarBFloat16.Round(value) << 16)));
        Assert.That(Element([pair], 0, 1), Is.EqualTo(-Element([pair], 0, 0)));
    }

    /// <summary>Element k of a row of 16, two a word.</summary>
    private static double Element(uint[] words, int row, int k)
        => BitConverter.UInt32BitsToSingle((words[row * 8 + k / 2] >> (16 * (k % 2))) << 16);

    /// <summary>Pairs of bfloat16 in -1 .. 1.</summary>
    private uint[] Words(int count) => [.. Enumerable.Range(0, count).Select(
        _ => ScalarBFloat16.Round(random.NextSingle() * 2 - 1) | (uint)ScalarBFloat16.Round(random.NextSingle() * 2 - 1) << 16)];

    private uint[] RunWords(Action<TensorCoreKernels.WordParameters> kernel, uint[] words, int length)
    {
        using var x = accelerator.Allocate1D<Quad>(words.Length / 4);
        using var y = accelerator.Allocate1D<Quad>(length);
        x.View.BaseView.Cast<uint>().CopyFromCPU(words);
        Run(kernel, new TensorCoreKernels.WordParameters { X = x.View.BaseView, Y = y.View.BaseView });
        var result = new uint[length * 4];
        y.View.BaseView.Cast<uint>().CopyToCPU(result);
        return result;
    }

    private void Run<TParameters>(Action<TParameters> kernel, TParameters parameters)
        where TParameters : struct
    {
        accelerator.LoadStreamKernel(kernel)(new KernelConfig(1, TensorCores.WarpSize), parameters);
        accelerator.Synchronize();
    }
}
