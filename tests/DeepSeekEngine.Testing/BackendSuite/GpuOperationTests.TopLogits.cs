using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using NUnit.Framework;

namespace DeepSeekEngine.Testing.BackendSuite;

/// <content>The lists of largest logits against their scalar twin: the same tokens in the same order, and the sum of the rest.</content>
public abstract partial class GpuOperationTests
{
    // Around a list, a part of a row and as many parts as are joined at once; from the last on it takes two joins.
    private const int TwoJoins = 17 * 1024;

    [Test]
    public void Lists_of_top_logits_are_those_of_the_scalar_twin(
        [Values(259, 1023, 1024, 1025, 4000, TwoJoins)] int width, [Values("peaked", "flat", "coarse", "equal", "ascending")] string shape)
    {
        int count = width == TwoJoins ? 1 : 3;
        float[] x = [.. Values(count * width).Select((value, i) => shape switch
        {
            "peaked" => MathF.Atanh(value) * 5,
            "flat" => value / 100,
            "coarse" => MathF.Round(value * 4),
            "equal" => 7,
            _ => i % width * 0.001f,
        })];
        AssertLists(x, width, [1, 0.6f, 2.5f]);
    }

    [Test]
    public void Lists_of_extreme_logits_are_those_of_the_scalar_twin([Values(300, 2500)] int width)
    {
        float[] special =
        [
            0f, -0f, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, float.MinValue, float.Epsilon, -float.Epsilon, float.NaN,
        ];
        float[] some = [.. Enumerable.Range(0, width).Select(_ => special[Random.Next(special.Length)])];
        float[] finite = [.. some.Select(value => float.IsFinite(value) ? value : 1f)];
        float[] few = new float[width];
        Array.Fill(few, float.NegativeInfinity);
        (few[width - 1], few[width / 2]) = (3, 3);
        float[] none = new float[width];
        Array.Fill(none, float.NegativeInfinity);
        AssertLists([.. some, .. finite, .. few, .. none], width, [1, 1, 1, 1]);
    }

    [Test]
    public void A_list_does_not_depend_on_the_rows_beside_it()
    {
        const int Width = 2100;
        float[] x = Values(4 * Width);
        int[] together = Lists(x, Width, [1, 2, 3, 4]);
        for (int row = 0; row < 4; row++)
        {
            int[] alone = Lists(x[(row * Width)..((row + 1) * Width)], Width, [row + 1]);
            Assert.That(alone, Is.EqualTo(together.AsSpan(row * alone.Length, alone.Length).ToArray()), $"row {row}");
        }
    }

    [TestCase(300, 1)]
    [TestCase(1025, 2)]
    [TestCase(16 * 1024, 2)]
    [TestCase(129_280, 3)]
    public void A_list_takes_few_launches(int width, int launches)
    {
        var backend = (IlgpuBackend)Backend;
        long before = backend.Launches;
        Lists(new float[width], width, [1]);
        Assert.That(backend.Launches - before, Is.EqualTo(launches));
    }

    [Test]
    public void Rows_hardly_longer_than_a_list_are_left_to_the_host()
    {
        Assert.That(TryList(258), Is.False);
        Assert.That(TryList(259), Is.True);

        bool TryList(int width) => Backend.TryListTop(
            Input(Values(width), width), Upload(1f), Upload(new TopLogit[TopLogit.ListLength]), 1);
    }

    private void AssertLists(float[] x, int width, float[] temperatures)
    {
        int count = x.Length / width;
        TopLogit[] lists = TopLists(x, width, temperatures);
        for (int row = 0; row < count; row++)
        {
            float[] logits = x[(row * width)..((row + 1) * width)];
            int[] order = ScalarTopLogits.Order(logits);
            TopLogit[] list = lists[(row * TopLogit.ListLength)..((row + 1) * TopLogit.ListLength)];
            Assert.That(list.Take(TopLogit.Count).Select(entry => entry.Token), Is.EqualTo(order), $"row {row}");
            Assert.That(
                list.Take(TopLogit.Count).Select(entry => Bits(entry.Logit)), Is.EqualTo(order.Select(token => Bits(logits[token]))), $"row {row}");

            // Where the largest is not finite there is nothing to compare with, and the host does not look.
            if (float.IsFinite(list[0].Logit))
            {
                double rest = ScalarTopLogits.Rest(logits, order, temperatures[row]);
                Assert.That(list[^1].Logit, Is.EqualTo(rest).Within(rest * TopLogit.SumError / 4), $"row {row}");
            }
        }

        // Of what is not a number, which there are many of, only that it is not.
        static int Bits(float value) => float.IsNaN(value) ? int.MaxValue : BitConverter.SingleToInt32Bits(value);
    }

    private int[] Lists(float[] x, int width, float[] temperatures)
        => [.. TopLists(x, width, temperatures).SelectMany(entry => new[] { BitConverter.SingleToInt32Bits(entry.Logit), entry.Token })];

    private TopLogit[] TopLists(float[] x, int width, float[] temperatures)
    {
        int count = x.Length / width;
        DeviceArray<TopLogit> lists = Upload(new TopLogit[count * TopLogit.ListLength]);
        DeviceArray<float> inverse = Upload(Array.ConvertAll(temperatures, temperature => 1 / temperature));
        Assert.That(Backend.TryListTop(Input(x, width), inverse, lists, count), Is.True);
        return Download(lists);
    }
}
