using System.Text.Json;
using DeepSeekEngine.Testing;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Constraints;

/// <summary>Schemas as they are written for models, with values that do and do not satisfy them: tests/constraints/schemas.json.</summary>
public static class RealisticSchemas
{
    public static IEnumerable<TestCaseData> Cases
    {
        get
        {
            using var document = JsonDocument.Parse(
                File.ReadAllText(Path.Combine(TestPaths.RepositoryRoot, "tests", "constraints", "schemas.json")));
            foreach (var given in document.RootElement.EnumerateArray())
            {
                yield return new TestCaseData(new Case(
                    given.GetProperty("name").GetString()!,
                    given.GetProperty("schema").GetRawText(),
                    [.. given.GetProperty("valid").EnumerateArray().Select(value => value.GetRawText())],
                    [.. given.GetProperty("invalid").EnumerateArray().Select(value => value.GetRawText())]));
            }
        }
    }

    public sealed record Case(string Name, string Schema, IReadOnlyList<string> Valid, IReadOnlyList<string> Invalid)
    {
        /// <summary>All names of members in the valid values, which a test has to know that is to complete an answer.</summary>
        public IReadOnlyList<string> Names => [.. Valid.SelectMany(text => NamesIn(JsonDocument.Parse(text).RootElement)).Distinct()];

        public override string ToString() => Name;

        private static IEnumerable<string> NamesIn(JsonElement value) => value.ValueKind switch
        {
            JsonValueKind.Object => value.EnumerateObject().SelectMany(member => NamesIn(member.Value).Prepend(member.Name)),
            JsonValueKind.Array => value.EnumerateArray().SelectMany(NamesIn),
            _ => [],
        };
    }
}
