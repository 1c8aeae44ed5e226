using DeepSeekEngine.Testing;
using NUnit.Framework;

namespace DeepSeekEngine.Extensions.AI.Tests;

public sealed class ReadmeTests
{
    [Test]
    public void What_the_readme_shows_is_in_the_samples()
    {
        var readme = File.ReadAllText(Path.Combine(TestPaths.RepositoryRoot, "README.md")).ReplaceLineEndings("\n");
        var section = readme.Split("## Plug it in\n")[1].Split("\n## ")[0];
        var shown = section.Split("```csharp\n").Skip(1).Select(part => part.Split("```")[0]).ToList();
        var samples = Directory.GetFiles(Path.Combine(TestPaths.RepositoryRoot, "samples"), "Program.cs", SearchOption.AllDirectories)
            .Select(file => File.ReadAllText(file).ReplaceLineEndings("\n")).ToList();
        Assert.That(shown, Has.Count.EqualTo(2));
        foreach (var code in shown)
        {
            Assert.That(samples.Any(sample => sample.Contains(code, StringComparison.Ordinal)), code);
        }
    }
}
