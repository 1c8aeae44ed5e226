using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using DeepSeekEngine.Extensions.AI;
using DeepSeekEngine.Testing;
using Microsoft.Extensions.AI;
using NUnit.Framework;

namespace DeepSeekEngine.Documentation.Tests;

/// <summary>docs/api.md names every public member and every option of the chat client, each with a test that is there.</summary>
public sealed partial class ApiTableTests
{
    private static readonly Document Page = Document.Read("docs/api.md");

    private static readonly string[][] Sources =
    [
        .. Directory.GetFiles(Path.Combine(TestPaths.RepositoryRoot, "tests"), "*.cs", SearchOption.AllDirectories)
            .Select(File.ReadAllLines),
    ];

    private static IEnumerable<Type> Types =>
    [
        .. typeof(DeepSeekModel).Assembly.GetExportedTypes(), .. typeof(DeepSeekChatClientExtensions).Assembly.GetExportedTypes(),
        typeof(ChatOptions), typeof(ReasoningOptions), typeof(ReasoningEffort), typeof(ReasoningOutput), typeof(UsageDetails),
        typeof(ChatFinishReason),
    ];

    private static IEnumerable<string> Tests
        => Document.All.SelectMany(document => document.Prose).SelectMany(CodeIn).Where(code => NamedTest().IsMatch(code)).Distinct()
            .Order(StringComparer.Ordinal);

    [TestCaseSource(nameof(Types))]
    public void The_members_of_a_type_are_all_in_its_table(Type type)
    {
        var section = Page.Prose.SkipWhile(line => line != $"### `{type.Name}`").Skip(1).TakeWhile(line => !line.StartsWith('#'));
        Assert.That(Rows(section).SelectMany(row => CodeIn(row[0])), Is.EquivalentTo(MembersOf(type)));
    }

    [Test]
    public void Every_row_names_a_test()
    {
        foreach (var row in Rows(Page.Prose))
        {
            Assert.That(CodeIn(row[^1]), Is.Not.Empty.And.All.Matches(NamedTest().ToString()), string.Join(" | ", row));
        }
    }

    [TestCaseSource(nameof(Tests))]
    public void A_test_that_is_named_is_there(string name) => Assert.That(IsTest(name));

    [TestCase("ApiTableTests.Every_row_names_nothing")]
    [TestCase("LinkTests.Every_row_names_a_test")]
    [TestCase("ApiTableTests.IsTest")]
    public void A_test_that_is_not_there_is_found_out(string name) => Assert.That(IsTest(name), Is.False);

    /// <summary>What a caller can use of a type: not what the compiler adds to records, nor what every object has.</summary>
    private static IEnumerable<string> MembersOf(Type type)
    {
        const BindingFlags declared = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        if (type.IsEnum)
        {
            return Enum.GetNames(type);
        }

        var properties = type.GetProperties(declared).Where(property => type != typeof(ChatFinishReason) || property.PropertyType == type)
            .Select(property => property.Name);
        var methods = type.GetMethods(declared)
            .Where(method => !method.IsSpecialName && method.GetBaseDefinition().DeclaringType != typeof(object)
                && !method.IsDefined(typeof(CompilerGeneratedAttribute)))
            .Select(method => method.Name);
        return type.Assembly == typeof(ChatOptions).Assembly ? properties : properties.Concat(methods).Distinct();
    }

    /// <summary>Whether a file of the tests has a class of that name with a test of that name.</summary>
    private static bool IsTest(string name)
    {
        var (type, method) = name.Split('.') is [var first, var second] ? (first, second) : ("", name);
        return Sources.Where(lines => lines.Any(line => Regex.IsMatch(line, $@"\bclass {type}\b")))
            .Any(lines => lines.Index().Any(line => Regex.IsMatch(line.Item, $@"\b(void|Task) {method}\(") && IsMarked(lines, line.Index)));

        static bool IsMarked(string[] lines, int method) => lines.Take(method).Reverse().Select(line => line.Trim())
            .TakeWhile(line => line.StartsWith('[')).Any(line => line.StartsWith("[Test", StringComparison.Ordinal));
    }

    /// <summary>The cells of the rows of tables, without their heads.</summary>
    private static IEnumerable<string[]> Rows(IEnumerable<string> lines)
    {
        var isBody = false;
        foreach (var line in lines)
        {
            if (isBody && line.StartsWith('|'))
            {
                yield return line.Trim('|', ' ').Split('|', StringSplitOptions.TrimEntries);
            }

            isBody = line.StartsWith("| ---", StringComparison.Ordinal) || isBody && line.StartsWith('|');
        }
    }

    private static IEnumerable<string> CodeIn(string cell) => Code().Matches(cell).Select(match => match.Groups[1].Value);

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Code();

    [GeneratedRegex(@"^\w+Tests\.\w+$")]
    private static partial Regex NamedTest();
}
