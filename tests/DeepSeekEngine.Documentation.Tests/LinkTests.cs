using System.Text.RegularExpressions;
using DeepSeekEngine.Testing;
using NUnit.Framework;

namespace DeepSeekEngine.Documentation.Tests;

/// <summary>What the pages point at is there.</summary>
public sealed partial class LinkTests
{
    private static IEnumerable<string> Pages => Document.All.Select(document => document.Name);

    [TestCaseSource(nameof(Pages))]
    public void Links_lead_to_files_and_headings(string page)
    {
        var document = Document.Read(page);
        foreach (Match link in Link().Matches(string.Join('\n', document.Prose)))
        {
            var (path, anchor) = (link.Groups["path"].Value, link.Groups["anchor"].Value);
            if (path.StartsWith("https://", StringComparison.Ordinal))
            {
                continue;
            }

            var target = path.Length == 0 ? Path.Combine(TestPaths.RepositoryRoot, page) : Path.Combine(document.Folder, path);
            Assert.That(Path.Exists(target), $"{page} links to {path}");
            if (anchor.Length > 0)
            {
                var headings = File.ReadLines(target).Where(line => line.StartsWith('#')).Select(AnchorOf);
                Assert.That(headings, Has.Member(anchor), $"{page} links to {link.Value}");
            }
        }
    }

    [TestCaseSource(nameof(Pages))]
    public void Files_that_are_named_are_there(string page)
    {
        foreach (Match file in NamedFile().Matches(string.Join('\n', Document.Read(page).Prose)))
        {
            Assert.That(Path.Exists(Path.Combine(TestPaths.RepositoryRoot, file.Groups[1].Value)), $"{page} names {file.Groups[1].Value}");
        }
    }

    [Test]
    public void Every_page_is_reached_from_the_readme()
    {
        var linked = Link().Matches(string.Join('\n', Document.Read("README.md").Prose)).Select(link => link.Groups["path"].Value);
        Assert.That(linked, Is.SupersetOf(Pages.Where(page => page != "README.md")));
    }

    /// <summary>The anchor that GitHub gives a heading.</summary>
    private static string AnchorOf(string heading)
        => NotInAnchor().Replace(heading.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-');

    [GeneratedRegex(@"\]\((?<path>[^)#\s]*)(#(?<anchor>[^)]*))?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"`((src|kernels|tests|samples|benchmarks|docs|\.ci)(/[^`\s*{}]*)?)`")]
    private static partial Regex NamedFile();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchor();
}
