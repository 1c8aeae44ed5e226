using System.Runtime.Intrinsics;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Testing.BackendSuite;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu;

/// <summary>The decoders of each register width, over every bit pattern there is.</summary>
public unsafe class LanesTests
{
    [Test]
    public void Every_binary16_decodes_exactly()
    {
        Half[] all = [.. Enumerable.Range(0, 65536).Select(i => BitConverter.UInt16BitsToHalf((ushort)i))];
        AssertDecodes<F16Decoder, Half>(WeightEncoding.F16, all, v => (float)v);
    }

    [Test]
    public void Every_bfloat16_decodes_exactly()
    {
        ushort[] all = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i)];
        AssertDecodes<BF16Decoder, ushort>(WeightEncoding.BF16, all, v => BitConverter.UInt32BitsToSingle((uint)v << 16));
    }

    [TestCase(1f)]
    [TestCase(-0.0123f)]
    [TestCase(1e-30f)]
    [TestCase(127.9f)]
    [TestCase(128f)]
    [TestCase(-3e30f)]
    [TestCase(float.NaN)]
    public void Every_e4m3_decodes_and_multiplies_exactly_by_any_scale(float scale)
    {
        AssertE4M3<Lanes128>(scale);
        AssertE4M3<Lanes256>(scale);
        AssertE4M3<Lanes512>(scale);
    }

    [Test]
    public void Exponentials_are_accurate_to_float32_and_reach_their_limits()
    {
        AssertExponentials<Lanes128>();
        AssertExponentials<Lanes256>();
        AssertExponentials<Lanes512>();
    }

    [Test]
    public void Four_sums_are_the_sums_of_each()
    {
        AssertSums<Lanes128>();
        AssertSums<Lanes256>();
        AssertSums<Lanes512>();
    }

    /// <summary>Row i is code i and zeros: decoded, and multiplied with 1 and zeros.</summary>
    private static void AssertE4M3<TLanes>(float scale)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        const int codes = 256;
        var data = new byte[codes * codes];
        float[] expected = new float[codes], x = new float[codes], y = new float[codes], scratch = new float[MatrixRows.ScratchLength];
        x[0] = 1;
        for (int i = 0; i < codes; i++)
        {
            data[i * codes] = (byte)i;
            expected[i] = (float)(ScalarWeights.DecodeE4M3((byte)i) * scale);
        }

        fixed (byte* stored = data)
        fixed (float* token = x, result = y, working = scratch)
        {
            float* column = token, output = result;
            float* scales = stackalloc float[] { scale, 1 };
            var matrix = new WeightMatrix
            {
                Encoding = WeightEncoding.F8E4M3, Rows = codes, Columns = codes, Data = stored,
                Scales = scales, BlockRows = codes, BlockColumns = codes / 2,
            };
            MatrixRows.Decode<TLanes>(matrix, 0, codes, 0, 1, output, 1);
            Assert.That(y, Is.EqualTo(expected), $"{typeof(TLanes).Name}: decoded");
            MatrixRows.Multiply<TLanes>(matrix, 0, codes, &column, default, 0, 0, &output, 1, false, working);
            Assert.That(y, Is.EqualTo(expected), $"{typeof(TLanes).Name}: multiplied");
        }
    }

    private static void AssertSums<TLanes>()
        where TLanes : unmanaged, ILanes<TLanes>
    {
        var random = new Random(7);
        float* values = stackalloc float[4 * 16];
        for (int i = 0; i < 4 * 16; i++)
        {
            values[i] = random.NextSingle() * 2 - 1;
        }

        Vector128<float> sums = TLanes.Sums(
            TLanes.Load(values), TLanes.Load(values + 16), TLanes.Load(values + 32), TLanes.Load(values + 48));
        for (int i = 0; i < 4; i++)
        {
            float sum = TLanes.Sum(TLanes.Load(values + 16 * i));
            double expected = 0;
            for (int lane = 0; lane < TLanes.Count; lane++)
            {
                expected += values[16 * i + lane];
            }

            Assert.That(sums[i], Is.EqualTo(sum));
            Assert.That(sum, Is.EqualTo(expected).Within(1e-6));
        }
    }

    private static void AssertExponentials<TLanes>()
        where TLanes : unmanaged, ILanes<TLanes>
    {
        float* values = stackalloc float[16];
        for (float x = -87; x < 88; x += 0.37f)
        {
            TLanes.Store(TLanes.Exp(TLanes.Broadcast(x)), values);
            Assert.That(values[TLanes.Count - 1], Is.EqualTo(Math.Exp(x)).Within(2e-7 * Math.Exp(x)));
        }

        TLanes.Store(TLanes.Exp(TLanes.Broadcast(float.NegativeInfinity)), values);
        Assert.That(values[0], Is.Zero);
        TLanes.Store(TLanes.Exp(TLanes.Broadcast(0)), values);
        Assert.That(values[0], Is.EqualTo(1).Within(1.2e-7));
    }

    private static void AssertDecodes<TDecoder, TStored>(WeightEncoding encoding, TStored[] all, Func<TStored, float> expected)
        where TDecoder : IWeightDecoder
        where TStored : unmanaged
    {
        float[] values = Array.ConvertAll(all, v => expected(v));
        Assert.That(TDecoder.Bytes, Is.EqualTo(encoding.BytesPerElement()));
        AssertDecodes<Lanes128, TDecoder, TStored>(all, values);
        AssertDecodes<Lanes256, TDecoder, TStored>(all, values);
        AssertDecodes<Lanes512, TDecoder, TStored>(all, values);
    }

    private static void AssertDecodes<TLanes, TDecoder, TStored>(TStored[] all, float[] expected)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
        where TStored : unmanaged
    {
        var decoded = new float[all.Length];
        fixed (TStored* source = all)
        fixed (float* destination = decoded)
        {
            for (int i = 0; i < all.Length; i += 4 * TLanes.Count)
            {
                TDecoder.Load((byte*)(source + i), out TLanes a, out TLanes b, out TLanes c, out TLanes d);
                TLanes.Store(a, destination + i);
                TLanes.Store(b, destination + i + TLanes.Count);
                TLanes.Store(c, destination + i + 2 * TLanes.Count);
                TLanes.Store(d, destination + i + 3 * TLanes.Count);
            }
        }

        Assert.That(decoded, Is.EqualTo(expected), typeof(TLanes).Name);
    }
}
