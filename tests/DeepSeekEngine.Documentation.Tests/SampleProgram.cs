using System.Reflection;
using System.Runtime.Loader;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace DeepSeekEngine.Documentation.Tests;

/// <summary>A C# block as the program it is part of: the namespaces of the blocks before are open, and what they made is there.</summary>
internal static partial class SampleProgram
{
    /// <summary>What the SDK opens in every console project, and what stands for the names that the page's earlier blocks declare.</summary>
    private const string Implicit = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net.Http;
        global using System.Threading;
        global using System.Threading.Tasks;
        global using static DeepSeekEngine.Documentation.Tests.Surroundings;
        """;

    private static readonly MetadataReference[] References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Where(File.Exists)
            .Select(path => MetadataReference.CreateFromFile(path)),
    ];

    /// <summary>Compiles the block, as strictly as this repository, and runs it.</summary>
    /// <returns>What it wrote to the console.</returns>
    /// <exception cref="InvalidDataException">The compiler has errors or warnings.</exception>
    public static string Run(Block block, ModelsFolder models)
    {
        var earlier = block.Document.Blocks.Where(other => other.Language == "csharp" && other.Line < block.Line)
            .SelectMany(other => other.Lines).Where(line => Using().IsMatch(line));
        var code = models.Fill(string.Join('\n', [.. earlier.Except(block.Lines).Distinct(), block.Text]));
        var compilation = CSharpCompilation.Create(
            $"Sample{Guid.NewGuid():N}",
            [CSharpSyntaxTree.ParseText(Implicit), CSharpSyntaxTree.ParseText(code)],
            References,
            new CSharpCompilationOptions(OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable));
        using var image = new MemoryStream();
        var emitted = compilation.Emit(image);
        var problems = emitted.Diagnostics.Where(diagnostic => diagnostic.Severity >= DiagnosticSeverity.Warning).ToList();
        if (problems.Count > 0)
        {
            throw new InvalidDataException($"{block} does not compile:\n{string.Join('\n', problems)}\n{code}");
        }

        image.Position = 0;
        var entry = AssemblyLoadContext.Default.LoadFromStream(image).EntryPoint!;
        var console = Console.Out;
        using var written = new StringWriter();
        Console.SetOut(written);
        try
        {
            object[]? arguments = entry.GetParameters().Length == 0 ? null : [Array.Empty<string>()];
            entry.Invoke(null, BindingFlags.DoNotWrapExceptions, null, arguments, null);
        }
        finally
        {
            Console.SetOut(console);
        }

        return written.ToString().ReplaceLineEndings("\n");
    }

    [GeneratedRegex(@"^using [\w.]+;$")]
    private static partial Regex Using();
}
