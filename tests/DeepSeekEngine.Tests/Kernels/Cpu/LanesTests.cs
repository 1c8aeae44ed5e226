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

    [Test]
    public void Every_e4m3_decodes_exactly()
    {
        byte[] all = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        AssertDecodes<F8E4M3Decoder, byte>(WeightEncoding.F8E4M3, all, v => (float)ScalarWeights.DecodeE4M3(v));
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
