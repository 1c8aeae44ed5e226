using System.Text.Json;
using System.Text.Json.Nodes;
using DeepSeekEngine.Model;
using DeepSeekEngine.Testing;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Model;

internal sealed class RotaryFrequenciesTests
{
    [TestCase("deepseek-r1")]
    [TestCase("deepseek-v2-lite")]
    [TestCase("moonlight")]
    public void Frequencies_multipliers_and_scales_are_the_oracles(string model)
    {
        using JsonDocument operations = JsonDocument.Parse(File.ReadAllText(TestPaths.Fixture("ops.json")));
        JsonElement oracle = operations.RootElement.GetProperty("rope").GetProperty(model);
        JsonElement config = oracle.GetProperty("config");
        JsonElement scaling = config.GetProperty("rope_scaling");
        YarnScaling? yarn = scaling.ValueKind == JsonValueKind.Null ? null : new YarnScaling(
            scaling.GetProperty("factor").GetDouble(),
            scaling.GetProperty("original_max_position_embeddings").GetInt32(),
            scaling.GetProperty("beta_fast").GetDouble(),
            scaling.GetProperty("beta_slow").GetDouble(),
            scaling.GetProperty("mscale").GetDouble(),
            scaling.GetProperty("mscale_all_dim").GetDouble());

        RotaryFrequencies rotary = RotaryFrequencies.Of(
            config.GetProperty("qk_rope_head_dim").GetInt32(), config.GetProperty("rope_theta").GetDouble(), yarn);

        double[] expected = [.. oracle.GetProperty("inv_freq").EnumerateArray().Select(value => value.GetDouble())];
        Assert.That(rotary.Frequencies.Length, Is.EqualTo(expected.Length));
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.That(rotary.Frequencies[i], Is.EqualTo(expected[i]).Within(1e-12 * expected[i]), $"pair {i}");
        }

        Assert.That(rotary.Multiplier, Is.EqualTo(oracle.GetProperty("cos_sin_multiplier").GetDouble()).Within(1e-15));
        double scale = oracle.GetProperty("softmax_scale").GetDouble();
        Assert.That(RotaryFrequencies.SoftmaxScale(128 + 64, yarn), Is.EqualTo(scale).Within(1e-14 * scale));
    }

    [TestCase("r1-distill-llama-8b/70b")]
    [TestCase("r1-distill-qwen-1.5b/7b")]
    [TestCase("r1-distill-qwen-14b/32b")]
    [TestCase("r1-0528-qwen3-8b")]
    public void Frequencies_multipliers_and_scales_of_distills_are_the_oracles(string model)
    {
        using JsonDocument operations = JsonDocument.Parse(File.ReadAllText(TestPaths.Fixture("ops.json")));
        JsonElement oracle = operations.RootElement.GetProperty("rope").GetProperty(model);
        JsonElement config = oracle.GetProperty("config");
        JsonObject json = ModelConfigFile.Of(model.Contains("llama") ? "llama" : model.Contains("qwen3") ? "qwen3-yarn" : "qwen2")
            .With("head_dim", oracle.GetProperty("head_dim").GetRawText()).With("rope_theta", config.GetProperty("rope_theta").GetRawText());
        if (config.TryGetProperty("rope_scaling", out JsonElement scaling))
        {
            json = json.With("rope_scaling", scaling.GetRawText());
        }

        ModelConfig read = json.Read();
        RotaryFrequencies rotary = RotaryFrequencies.Of(read);
        double[] expected = [.. oracle.GetProperty("inv_freq").EnumerateArray().Select(value => value.GetDouble())];
        Assert.That(rotary.Frequencies.Length, Is.EqualTo(expected.Length));
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.That(rotary.Frequencies[i], Is.EqualTo(expected[i]).Within(1e-12 * expected[i]), $"pair {i}");
        }

        Assert.That(rotary.Multiplier, Is.EqualTo(oracle.GetProperty("cos_sin_multiplier").GetDouble()).Within(1e-12));
        Assert.That(read.Attention.Cached.Scale, Is.EqualTo((float)oracle.GetProperty("softmax_scale").GetDouble()));
    }

    [Test]
    public void Rotated_halves_have_their_cosines_before_their_sines()
    {
        RotaryFrequencies rotary = RotaryFrequencies.Of(8, 10000, null);
        float[] neighbours = rotary.Table(50, halves: false), halves = rotary.Table(50, halves: true);
        for (int i = 0; i < neighbours.Length; i++)
        {
            Assert.That(halves[i / 8 * 8 + i % 2 * 4 + i % 8 / 2], Is.EqualTo(neighbours[i]));
        }
    }

    [Test]
    public void The_multiplier_is_the_ratio_of_the_two_magnitudes()
    {
        // (0.1 ln 40 + 1) / (0.0707 ln 40 + 1)
        double expected = 1.3688879454113936 / 1.2608037774058552;
        Assert.That(RotaryFrequencies.MultiplierOf(new YarnScaling(40, 4096, 32, 1, 1, 0.707)), Is.EqualTo(expected).Within(1e-12));
        Assert.That(RotaryFrequencies.MultiplierOf(new YarnScaling(1, 4096, 32, 1, 1, 0.707)), Is.EqualTo(1));
    }

    [Test]
    public void A_ramp_of_no_width_is_a_step()
    {
        // width 4, base 10000, length 4: corr(R) = 4 ln(4 / (2 pi R)) / (2 ln 10000), so low = high = 0
        // for 2 / pi turns and the ramp is 0, then 1.
        RotaryFrequencies rotary = RotaryFrequencies.Of(4, 10000, new YarnScaling(10, 4, 2 / Math.PI, 2 / Math.PI, 1, 1));
        Assert.That(rotary.Frequencies[0], Is.EqualTo(1).Within(1e-15));
        Assert.That(rotary.Frequencies[1], Is.EqualTo(0.001).Within(1e-15));
    }

    [Test]
    public void The_table_holds_cosine_and_sine_of_every_pair_with_the_multiplier()
    {
        YarnScaling yarn = new(40, 4096, 32, 1, 1, 0);
        float[] table = RotaryFrequencies.Of(64, 10000, yarn).Table(5000, halves: false);

        Assert.That(table, Has.Length.EqualTo(5000 * 64));
        double multiplier = 0.1 * Math.Log(40) + 1;
        Assert.That(table[..4], Is.EqualTo(new[] { (float)multiplier, 0f, (float)multiplier, 0f }));
        // Pair 0 turns by one radian a position, pair 31 by 10000^(-62/64) / 40.
        Assert.That(table[4999 * 64], Is.EqualTo((float)(multiplier * Math.Cos(4999))));
        Assert.That(table[4999 * 64 + 1], Is.EqualTo((float)(multiplier * Math.Sin(4999))));
        double slow = 4999 * Math.Pow(10000, -62.0 / 64) / 40;
        Assert.That(table[4999 * 64 + 62], Is.EqualTo(multiplier * Math.Cos(slow)).Within(1e-7));
        Assert.That(table[4999 * 64 + 63], Is.EqualTo(multiplier * Math.Sin(slow)).Within(1e-7));
    }
}
