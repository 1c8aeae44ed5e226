using System.Text.Json;

namespace DeepSeekEngine.Testing.Generation;

/// <summary>A problem of the sample model's evaluation set and its only right answer.</summary>
internal sealed record EvaluationProblem(string Question, string Answer);

internal static class EvaluationSet
{
    /// <summary>What the model card claims: 493 of its 500 problems answered exactly.</summary>
    public const int CardTotal = 500;

    public const int CardCorrect = 493;

    public static IReadOnlyList<EvaluationProblem> Read()
        => [.. File.ReadLines(Path.Combine(TestPaths.TinyR1, "eval.jsonl")).Select(line =>
        {
            using var problem = JsonDocument.Parse(line);
            return new EvaluationProblem(
                problem.RootElement.GetProperty("question").GetString()!, problem.RootElement.GetProperty("answer").GetString()!);
        })];

    /// <summary>Asks all of the problems at once, greedily, and counts the answers that are right to the last character.</summary>
    public static async Task<int> CountCorrectAsync(DeepSeekModel model, IReadOnlyList<EvaluationProblem> problems)
    {
        var results = await Task.WhenAll(problems.Select(p => model.GenerateAsync(p.Question, new GenerationOptions { Temperature = 0 })));
        return results.Zip(problems).Count(pair => pair.First.Text == pair.Second.Answer);
    }
}
