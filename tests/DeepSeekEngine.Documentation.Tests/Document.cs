using DeepSeekEngine.Testing;

namespace DeepSeekEngine.Documentation.Tests;

/// <summary>A page of the documentation.</summary>
/// <param name="Name">Its path in the repository.</param>
/// <param name="Lines">Its text.</param>
internal sealed record Document(string Name, IReadOnlyList<string> Lines)
{
    private const string Fence = "```";

    /// <summary>README.md and every page under docs.</summary>
    public static IReadOnlyList<Document> All { get; } =
    [
        Read("README.md"),
        .. Directory.GetFiles(Path.Combine(TestPaths.RepositoryRoot, "docs"), "*.md").Order(StringComparer.Ordinal)
            .Select(file => Read($"docs/{Path.GetFileName(file)}")),
    ];

    public string Folder => Path.GetDirectoryName(Path.Combine(TestPaths.RepositoryRoot, Name))!;

    /// <summary>The fenced blocks, in their order.</summary>
    public IEnumerable<Block> Blocks
    {
        get
        {
            for (var i = 0; i < Lines.Count; i++)
            {
                if (Lines[i].StartsWith(Fence, StringComparison.Ordinal))
                {
                    var lines = Lines.Skip(i + 1).TakeWhile(line => line != Fence).ToList();
                    yield return new Block(this, i + 1, Lines[i][Fence.Length..], lines);
                    i += lines.Count + 1;
                }
            }
        }
    }

    /// <summary>The lines that are in no block.</summary>
    public IEnumerable<string> Prose
    {
        get
        {
            var isCode = false;
            foreach (var line in Lines)
            {
                var isFence = line.StartsWith(Fence, StringComparison.Ordinal);
                if (!isFence && !isCode)
                {
                    yield return line;
                }

                isCode ^= isFence;
            }
        }
    }

    public static Document Read(string name) => new(name, File.ReadAllLines(Path.Combine(TestPaths.RepositoryRoot, name)));
}

/// <summary>A fenced block.</summary>
/// <param name="Line">The line its fence is on, from 1.</param>
/// <param name="Language">What the fence says it is; empty where it says nothing.</param>
internal sealed record Block(Document Document, int Line, string Language, IReadOnlyList<string> Lines)
{
    public string Text => string.Join('\n', Lines);

    /// <summary>What the page says this one prints: the block of text that follows, with nothing but an empty line between.</summary>
    public string? Output
    {
        get
        {
            var next = Document.Blocks.FirstOrDefault(block => block.Line > Line);
            return next is { Language: "text" } && next.Line == Line + Lines.Count + 3 ? next.Text : null;
        }
    }

    public override string ToString() => $"{Document.Name}:{Line}";
}
