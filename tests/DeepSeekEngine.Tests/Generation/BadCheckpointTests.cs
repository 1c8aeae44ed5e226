using System.Text.Json.Nodes;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Tests.Weights;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Generation;

/// <summary>What a user sees who loads a directory that is not what it should be. The parts' own tests have the many ways of each.</summary>
public sealed class BadCheckpointTests
{
    [Test]
    public async Task An_empty_directory_lacks_its_configuration()
    {
        using var directory = new TemporaryDirectory();
        await Refused(directory.Path, "config.json");
    }

    [Test]
    public async Task A_directory_that_does_not_exist_is_named()
        => await Refused(Path.Combine(TestPaths.TinyR1, "nowhere"), "nowhere");

    [TestCase("config.json")]
    [TestCase("tokenizer.json")]
    [TestCase("model.safetensors")]
    public async Task A_missing_file_is_named(string file)
    {
        using var directory = Copy();
        File.Delete(Path.Combine(directory.Path, file));
        await Refused(directory.Path, file.Replace("model.safetensors", "safetensors", StringComparison.Ordinal));
    }

    [Test]
    public async Task A_tokenizer_without_merges_is_refused()
    {
        using var directory = Copy();
        Edit(directory, "tokenizer.json", json => json["model"]!.AsObject().Remove("merges"));
        await Refused(directory.Path, "merges");
    }

    [Test]
    public async Task A_tokenizer_of_another_model_is_refused()
    {
        using var directory = Copy();
        File.Copy(Path.Combine(TestPaths.TokenizerDirectory, "tokenizer.json"), Path.Combine(directory.Path, "tokenizer.json"), overwrite: true);
        await Refused(directory.Path, "vocab_size is 768");
    }

    [Test]
    public async Task A_truncated_weight_file_is_refused()
    {
        using var directory = Copy();
        var path = Path.Combine(directory.Path, "model.safetensors");
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^1]);
        await Refused(directory.Path, "model.safetensors");
    }

    [TestCase("hidden_size", 256, "model.embed_tokens.weight")]
    [TestCase("num_attention_heads", 8, "model.layers.0.self_attn.q_b_proj.weight")]
    [TestCase("num_hidden_layers", 9, "model.layers.5.input_layernorm.weight")]
    [TestCase("n_routed_experts", 16, "model.layers.1.mlp.gate.weight")]
    [TestCase("moe_intermediate_size", 97, "model.layers.1.mlp.experts.0.gate_proj.weight")]
    public async Task A_configuration_the_tensors_contradict_names_the_first_tensor(string field, int value, string tensor)
    {
        using var directory = Copy();
        Edit(directory, "config.json", json => json[field] = value);
        var refusal = await Refused(directory.Path, tensor);
        Assert.That(refusal.Tensor, Is.EqualTo(tensor));
    }

    [Test]
    public async Task A_configuration_that_states_too_much_allocates_nothing_on_its_word()
    {
        using var directory = Copy();
        Edit(directory, "config.json", json => (json["hidden_size"], json["intermediate_size"]) = (1 << 20, 1 << 20));
        await Refused(directory.Path, "model.embed_tokens.weight");
    }

    private static async Task<ModelFormatException> Refused(string directory, string problem)
    {
        var refusal = await Assert.ThrowsAsync<ModelFormatException>(
            () => DeepSeekModel.LoadAsync(directory, new EngineOptions { Device = Device.Cpu }));
        Assert.That(refusal!.Message, Does.Contain(problem));
        return refusal;
    }

    private static TemporaryDirectory Copy()
    {
        var copy = new TemporaryDirectory();
        foreach (var file in Directory.EnumerateFiles(TestPaths.TinyR1))
        {
            File.Copy(file, Path.Combine(copy.Path, Path.GetFileName(file)));
        }

        return copy;
    }

    private static void Edit(TemporaryDirectory directory, string file, Action<JsonObject> edit)
    {
        var path = Path.Combine(directory.Path, file);
        var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        edit(json);
        File.WriteAllText(path, json.ToJsonString());
    }
}
