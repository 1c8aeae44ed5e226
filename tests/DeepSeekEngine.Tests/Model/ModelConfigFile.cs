using System.Text.Json.Nodes;
using DeepSeekEngine.Model;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Tests.Weights;

namespace DeepSeekEngine.Tests.Model;

/// <summary>Reads a fixture's config.json with some fields changed.</summary>
internal static class ModelConfigFile
{
    public static JsonObject Of(string fixture)
        => JsonNode.Parse(File.ReadAllText(TestPaths.Fixture(fixture, "config.json")))!.AsObject();

    /// <summary>Sets a field, nested ones as "rope_scaling.factor"; the value "absent" removes it.</summary>
    public static JsonObject With(this JsonObject config, string field, string json)
    {
        string[] path = field.Split('.');
        JsonObject owner = config;
        foreach (string name in path[..^1])
        {
            owner = owner[name]!.AsObject();
        }

        if (json == "absent")
        {
            owner.Remove(path[^1]);
        }
        else
        {
            owner[path[^1]] = JsonNode.Parse(json);
        }

        return config;
    }

    public static ModelConfig Read(this JsonObject config, string? generationConfig = null)
        => ReadText(config.ToJsonString(), generationConfig);

    public static ModelConfig ReadText(string config, string? generationConfig = null)
    {
        using TemporaryDirectory directory = new();
        directory.Write("config.json", config);
        if (generationConfig is not null)
        {
            directory.Write("generation_config.json", generationConfig);
        }

        return ModelConfigReader.Read(directory.Path);
    }
}
