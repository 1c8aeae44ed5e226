using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using NUnit.Framework;

namespace DeepSeekEngine.Documentation.Tests;

/// <summary>Every JSON block of README.md and docs is a configuration an application starts with.</summary>
public sealed class ConfigurationSampleTests
{
    private static IEnumerable<TestCaseData> Blocks()
        => Document.All.SelectMany(document => document.Blocks).Where(block => block.Language == "json")
            .Select(block => new TestCaseData(block).SetArgDisplayNames(block.ToString()));

    [TestCaseSource(nameof(Blocks))]
    public async Task An_application_starts_with_it(object sample)
    {
        using var models = new ModelsFolder();
        Surroundings.NewApplication();
        using var json = new MemoryStream(Encoding.UTF8.GetBytes(models.Fill(((Block)sample).Text)));
        Surroundings.builder.Configuration.AddJsonStream(json);
        Surroundings.builder.Services.AddDeepSeekEngine(Surroundings.builder.Configuration.GetSection("DeepSeekEngine"));
        await Surroundings.RunApplicationAsync();
    }
}
