using System.Security.Cryptography;
using DeepSeekEngine.Testing;
using NUnit.Framework;

namespace DeepSeekEngine.ChatPage.Tests;

/// <summary>The libraries that come with the page are those that were published, whatever an editor or a version control did to their lines.</summary>
internal sealed class LibraryTests
{
    private static readonly string Folder = Path.Combine(TestPaths.RepositoryRoot, "samples", "ChatServer", "wwwroot", "lib");

    [Test]
    public async Task Every_file_of_a_library_has_the_checksum_of_the_published_one()
    {
        var expected = (await File.ReadAllLinesAsync(Path.Combine(Folder, "SHA256SUMS")))
            .Select(line => line.Split("  ./")).ToDictionary(parts => parts[1], parts => parts[0]);
        var found = Directory.EnumerateDirectories(Folder)
            .SelectMany(library => Directory.EnumerateFiles(library, "*", SearchOption.AllDirectories))
            .ToDictionary(
                file => Path.GetRelativePath(Folder, file).Replace('\\', '/'),
                file => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file))));
        Assert.That(found, Is.EquivalentTo(expected));
    }
}
