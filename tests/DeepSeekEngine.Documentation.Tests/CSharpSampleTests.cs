using NUnit.Framework;

namespace DeepSeekEngine.Documentation.Tests;

/// <summary>Every C# block of README.md and docs compiles and runs, and prints what the page says it prints.</summary>
public sealed class CSharpSampleTests
{
    private static IEnumerable<TestCaseData> Blocks()
        => Document.All.SelectMany(document => document.Blocks).Where(block => block.Language == "csharp")
            .Select(block => new TestCaseData(block).SetArgDisplayNames(block.ToString()));

    [OneTimeSetUp]
    public Task Load() => Surroundings.CreateAsync();

    [OneTimeTearDown]
    public async Task Free() => await Surroundings.DisposeAsync();

    [TestCaseSource(nameof(Blocks))]
    public async Task A_sample_compiles_and_runs(object sample)
    {
        var block = (Block)sample;
        using var models = new ModelsFolder();
        Surroundings.NewApplication();
        var printed = SampleProgram.Run(block, models);
        if (block.Output is { } expected)
        {
            Assert.That(printed.TrimEnd(), Is.EqualTo(expected));
        }

        if (block.Text.Contains("builder.Services", StringComparison.Ordinal))
        {
            await Surroundings.RunApplicationAsync();
        }
    }

    [TestCase("Console.WriteLine(model.Inform.Name);")]
    [TestCase("int unused = 1;")]
    [TestCase("Console.WriteLine(ChunkKind.Reasoning);", Description = "The page opens no namespace.")]
    public void A_sample_that_does_not_compile_is_found_out(string code)
        => Assert.That(() => RunAlone(code), Throws.TypeOf<InvalidDataException>());

    [Test]
    public void A_sample_that_throws_is_found_out()
        => Assert.That(
            () => RunAlone("await DeepSeekEngine.DeepSeekModel.LoadAsync(\"/models/none\");"), Throws.TypeOf<ModelFormatException>());

    private static void RunAlone(string code)
    {
        using var models = new ModelsFolder();
        SampleProgram.Run(new Document("page.md", ["```csharp", code, "```"]).Blocks.Single(), models);
    }
}
