using DeepSeekEngine.Model;
using DeepSeekEngine.Tests.Weights;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Model;

internal sealed class GenerationDefaultsTests
{
    [Test]
    public void R1s_recommendation_is_read()
    {
        GenerationDefaults defaults = Read(
            """
            {"_from_model_config": true, "bos_token_id": 0, "eos_token_id": 1, "do_sample": true,
             "temperature": 0.6, "top_p": 0.95, "top_k": 50, "max_new_tokens": 9}
            """);
        Assert.That(
            (defaults.DoSample, defaults.Temperature, defaults.TopP, defaults.TopK, defaults.MaxNewTokens),
            Is.EqualTo(((bool?)true, (float?)0.6f, (float?)0.95f, (int?)50, (int?)9)));
        Assert.That(defaults.EosTokens, Is.EqualTo(new[] { 1 }));
    }

    [Test]
    public void A_missing_file_recommends_nothing()
    {
        using TemporaryDirectory directory = new();
        Assert.That(GenerationDefaults.Read(directory.Path), Is.EqualTo(new GenerationDefaults()));
    }

    [Test]
    public void Null_recommends_nothing()
        => Assert.That(Read("""{"temperature": null, "top_k": null, "eos_token_id": null}"""), Is.EqualTo(new GenerationDefaults()));

    [TestCase("temperature", "-0.1")]
    [TestCase("temperature", "1e999")]
    [TestCase("temperature", "\"hot\"")]
    [TestCase("top_p", "0")]
    [TestCase("top_p", "1.5")]
    [TestCase("top_k", "-1")]
    [TestCase("top_k", "1.5")]
    [TestCase("do_sample", "1")]
    [TestCase("max_new_tokens", "0")]
    [TestCase("eos_token_id", "-1")]
    [TestCase("eos_token_id", "[1, {}]")]
    public void An_absurd_value_is_refused(string field, string json)
    {
        ModelFormatException? exception = Assert.Throws<ModelFormatException>(() => Read($"{{\"{field}\": {json}}}"));
        Assert.That(exception!.Message, Does.Contain($"field '{field}' is {json}; expected"));
        Assert.That(Path.GetFileName(exception.Path), Is.EqualTo("generation_config.json"));
    }

    private static GenerationDefaults Read(string text)
    {
        using TemporaryDirectory directory = new();
        directory.Write(GenerationDefaults.FileName, text);
        return GenerationDefaults.Read(directory.Path);
    }
}
