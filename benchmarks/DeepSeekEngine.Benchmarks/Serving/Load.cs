using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace DeepSeekEngine.Benchmarks.Serving;

/// <summary>What requests took that a number of clients made, each one after the other.</summary>
internal sealed record Load(TimeSpan Duration, IReadOnlyList<Usage> Requests)
{
    public double TokensPerSecond => Requests.Sum(usage => usage.CompletionTokens) / Duration.TotalSeconds;

    /// <summary>Drafts a produced token.</summary>
    public double DraftedShare => (double)Requests.Sum(usage => usage.DraftedTokens) / Requests.Sum(usage => usage.CompletionTokens);

    /// <summary>The share of the drafts that was right; 0 where there was none.</summary>
    public double AcceptedShare => (double)Requests.Sum(usage => usage.AcceptedTokens) / Math.Max(1, Requests.Sum(usage => usage.DraftedTokens));

    /// <param name="prompt">Tokens the prompts have at least.</param>
    /// <param name="tokens">Tokens the responses have at most.</param>
    /// <param name="seed">Decides the prompts; no two loads of different seeds have one in common.</param>
    public static async Task<Load> RunAsync(DeepSeekModel model, int clients, int requests, int prompt, int tokens, int seed)
    {
        var random = new Random(seed);
        var questions = Enumerable.Range(0, requests).Select(i => Question(model, random, prompt)).ToArray();
        var usages = new Usage[requests];
        var next = -1;
        var started = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(async () =>
        {
            int i;
            while ((i = Interlocked.Increment(ref next)) < requests)
            {
                var options = new GenerationOptions { Temperature = 0, MaxTokens = tokens };
                usages[i] = (await model.GenerateAsync(questions[i], options)).Usage;
            }
        })));
        return new Load(Stopwatch.GetElapsedTime(started), usages);
    }

    /// <summary>Milliseconds to the first token that this share of the requests kept to.</summary>
    public double FirstToken(double share) => Statistics.Percentile(Requests.Select(usage => usage.TimeToFirstToken.TotalMilliseconds), share);

    /// <summary>Milliseconds for each token after the first that this share of the requests kept to.</summary>
    public double PerToken(double share)
        => Statistics.Percentile(Requests.Where(usage => usage.TokensPerSecond > 0).Select(usage => 1000 / usage.TokensPerSecond), share);

    /// <summary>A sum of as many numbers as the prompt is to be long, unlike others from its first number.</summary>
    private static string Question(DeepSeekModel model, Random random, int prompt)
    {
        var question = new StringBuilder("What is ").Append(random.Next(100, 100000));
        do
        {
            question.Append(CultureInfo.InvariantCulture, $" + {random.Next(100, 100000)}");
        }
        while (model.CountTokens([new(Role.User, $"{question}?")]) < prompt);
        return question.Append('?').ToString();
    }
}
