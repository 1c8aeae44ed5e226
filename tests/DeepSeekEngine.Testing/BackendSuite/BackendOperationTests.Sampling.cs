using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Runtime;
using NUnit.Framework;

namespace DeepSeekEngine.Testing.BackendSuite;

/// <content>The choice of tokens.</content>
public abstract partial class BackendOperationTests
{
    private const int Vocabulary = 129_280;

    private static readonly float[] Special =
        [0f, -0f, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, float.MinValue, float.Epsilon, -float.Epsilon];

    // Values of few different sizes, so that most rows have equals.
    [Test]
    public void ArgMax_finds_what_its_scalar_twin_and_the_host_find([Values(1, 7, 1023, 1025, 5000, Vocabulary)] int width)
    {
        int count = width == Vocabulary ? 2 : 9;
        float[] x = [.. Values(count * width).Select((v, i) => i / width % 2 == 0 ? v : MathF.Round(v * 4) / 4)];
        AssertArgMax(x, width);
    }

    [Test]
    public void ArgMax_of_extreme_values_is_that_of_the_host([Values(2, 1500)] int width)
    {
        float[] x = [.. Enumerable.Range(0, 24 * width).Select(_ => Special[Random.Next(Special.Length)])];
        AssertArgMax(x, width);
    }

    [Test]
    public void ArgMax_refuses_what_the_host_refuses()
    {
        const int Width = 3000;
        float[] x = Values(4 * Width);
        x[2999] = float.NaN;
        x[Width + 1500] = BitConverter.UInt32BitsToSingle(0xffc00001);
        x[Width + 1700] = float.NaN;
        x[Width] = float.PositiveInfinity;
        Array.Fill(x, float.NegativeInfinity, 2 * Width, Width);
        AssertArgMax(x, Width);
    }

    private void AssertArgMax(float[] x, int width)
    {
        int count = x.Length / width;
        DeviceArray<int> columns = Upload(new int[count]);
        Backend.ArgMax(Input(x, width), columns, count);
        int[] found = Download(columns);
        for (int row = 0; row < count; row++)
        {
            float[] logits = x[(row * width)..((row + 1) * width)];
            Assert.That(found[row], Is.EqualTo(ScalarArgMax.Of(logits)), $"row {row}");

            // The host overwrites the logits it samples from.
            var host = new Sampler(new SamplingParameters { Temperature = 0, Seed = 1 }, width);
            if (found[row] >= 0)
            {
                Assert.That(host.Sample(logits), Is.EqualTo(found[row]), $"row {row}");
            }
            else
            {
                string? refusal = Assert.Throws<InvalidOperationException>(() => host.Sample(logits))!.Message;
                Assert.That(() => Sampler.Checked(found[row]), Throws.InvalidOperationException.With.Message.EqualTo(refusal));
            }
        }
    }
}
