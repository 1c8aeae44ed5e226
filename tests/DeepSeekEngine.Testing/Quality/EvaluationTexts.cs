using DeepSeekEngine.Testing.Generation;
using DeepSeekEngine.Tokenizer;

namespace DeepSeekEngine.Testing.Quality;

/// <summary>What a model reads while it answers: the prompt, and its own greedy reasoning and answer.</summary>
internal static class EvaluationTexts
{
    public static async Task<IReadOnlyList<int[]>> OfAsync(DeepSeekModel model, IEnumerable<EvaluationProblem> problems)
    {
        var tokenizer = DeepSeekTokenizer.Load(model.Info.Directory);
        var options = new GenerationOptions { Temperature = 0 };
        return await Task.WhenAll(problems.Select(async problem =>
        {
            var prompt = model.Loaded.Encode([new Message(Role.User, problem.Question)], options).Tokens;
            var result = await model.GenerateAsync(problem.Question, options);
            return (int[])[.. prompt, .. tokenizer.Encode($"{result.Reasoning}</think>{result.Text}", parseAddedTokens: true)];
        }));
    }
}
