using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json.Nodes;

namespace DeepSeekEngine.Benchmarks.Serving;

/// <summary>What requests took that a number of clients made of a server, each one after the other.</summary>
/// <param name="Duration">From the first request to the end of the last.</param>
/// <param name="Requests">Those that were answered.</param>
/// <param name="Errors">What was said of those that were not.</param>
internal sealed record HttpLoad(TimeSpan Duration, IReadOnlyList<AnsweredRequest> Requests, IReadOnlyList<string> Errors)
{
    public double TokensPerSecond => Requests.Sum(request => request.Tokens) / Duration.TotalSeconds;

    /// <param name="model">What the server calls its model.</param>
    /// <param name="time">Clients make no more requests when this is over, but one each in any case.</param>
    /// <param name="tokens">Tokens the responses have at most.</param>
    /// <param name="seed">Decides the prompts.</param>
    public static async Task<HttpLoad> RunAsync(Uri address, string model, int clients, TimeSpan time, int tokens, int seed)
    {
        using var http = new HttpClient { BaseAddress = address, Timeout = Timeout.InfiniteTimeSpan };
        var started = Stopwatch.GetTimestamp();
        var results = await Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(async () =>
        {
            var random = new Random(HashCode.Combine(seed, client));
            var (requests, errors) = (new List<AnsweredRequest>(), new List<string>());
            do
            {
                try
                {
                    requests.Add(await AskAsync(http, model, Question(random), tokens));
                }
                catch (Exception exception) when (exception is HttpRequestException or IOException or BenchmarkFailedException)
                {
                    errors.Add(exception.Message);
                }
            }
            while (Stopwatch.GetElapsedTime(started) < time);
            return (requests, errors);
        })));
        return new HttpLoad(
            Stopwatch.GetElapsedTime(started), [.. results.SelectMany(result => result.requests)], [.. results.SelectMany(result => result.errors)]);
    }

    /// <summary>Milliseconds to the first text that this share of the requests kept to.</summary>
    public double FirstText(double share) => Statistics.Percentile(Requests.Select(request => request.FirstText.TotalMilliseconds), share);

    /// <summary>Milliseconds to the end that this share of the requests kept to.</summary>
    public double Whole(double share) => Statistics.Percentile(Requests.Select(request => request.Whole.TotalMilliseconds), share);

    private static string Question(Random random)
        => string.Create(CultureInfo.InvariantCulture, $"What is {random.Next(100, 100000)} + {random.Next(100, 100000)}?");

    private static async Task<AnsweredRequest> AskAsync(HttpClient http, string model, string question, int tokens)
    {
        var started = Stopwatch.GetTimestamp();
        using var request = new HttpRequestMessage(HttpMethod.Post, "v1/chat/completions")
        {
            Content = JsonContent.Create(new JsonObject
            {
                ["model"] = model,
                ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = question }),
                ["max_tokens"] = tokens,
                ["temperature"] = 0,
                ["stream"] = true,
                ["stream_options"] = new JsonObject { ["include_usage"] = true },
            }),
        };
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        if (!response.IsSuccessStatusCode)
        {
            throw new BenchmarkFailedException($"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
        }

        TimeSpan? firstText = null;
        int? produced = null;
        await foreach (var one in SseParser.Create(await response.Content.ReadAsStreamAsync()).EnumerateAsync())
        {
            if (one.Data == "[DONE]")
            {
                break;
            }

            var piece = JsonNode.Parse(one.Data)!;
            if (piece["error"] is { } error)
            {
                throw new BenchmarkFailedException(error.ToJsonString());
            }

            firstText ??= HasText(piece) ? Stopwatch.GetElapsedTime(started) : null;
            produced = (int?)piece["usage"]?["completion_tokens"] ?? produced;
        }

        var whole = Stopwatch.GetElapsedTime(started);
        return new AnsweredRequest(
            produced ?? throw new BenchmarkFailedException("A stream ended before it said what it took."), firstText ?? whole, whole);
    }

    private static bool HasText(JsonNode piece)
        => piece["choices"] is JsonArray { Count: > 0 } choices && choices[0]!["delta"] is { } delta
            && (((string?)delta["content"])?.Length > 0 || ((string?)delta["reasoning_content"])?.Length > 0);
}

/// <summary>A request and what it took, as its client saw it.</summary>
/// <param name="Tokens">Tokens that were produced.</param>
/// <param name="FirstText">Time to the first piece of text.</param>
/// <param name="Whole">Time to the end.</param>
internal readonly record struct AnsweredRequest(int Tokens, TimeSpan FirstText, TimeSpan Whole);
