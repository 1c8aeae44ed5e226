using System.ClientModel;
using System.Net.Http.Headers;
using OpenAI.Chat;

namespace DeepSeekEngine.ChatServer.Tests;

/// <summary>Who may ask, and how much.</summary>
public sealed class LimitTests
{
    [Test]
    public async Task Without_the_key_there_is_no_answer()
    {
        await using var server = await RunningServer.StartAsync("--api-key=geheim");
        ChatCompletion completion = await server.Client("geheim").GetChatClient("tiny-r1").CompleteChatAsync(new UserChatMessage(Shared.Question));
        Assert.That(completion.Content.Single().Text, Is.EqualTo(Shared.Answer));
        foreach (var key in new[] { "Geheim", "geheim2", "gehei", "x" })
        {
            var refused = await Assert.ThrowsAsync<ClientResultException>(
                () => server.Client(key).GetChatClient("tiny-r1").CompleteChatAsync(new UserChatMessage("x")));
            Assert.That(refused!.Status, Is.EqualTo(401), key);
        }

        foreach (var header in new[] { null, "Bearer", "Bearer ", "Basic geheim", "geheim" })
        {
            foreach (var path in new[] { "v1/models", "v1/nothing", "metrics" })
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, path);
                request.Headers.TryAddWithoutValidation("Authorization", header);
                using var response = await server.Http.SendAsync(request);
                Assert.That((string?)(await Errors.CheckAsync(response, 401))["code"], Is.EqualTo("invalid_api_key"));
                Assert.That(response.Headers.WwwAuthenticate.Single().Scheme, Is.EqualTo("Bearer"));
            }
        }

        foreach (var path in new[] { "health", "health/ready" })
        {
            Assert.That(await server.Http.GetStringAsync(path), Is.EqualTo("Healthy"));
        }

        Assert.That(await server.Http.GetStringAsync(""), Does.Contain("<!doctype html>").IgnoreCase, "The page asks for the key itself.");
        server.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "geheim");
        Assert.That(await server.Http.GetStringAsync("metrics"), Does.Contain("deepseek_engine"));
    }

    [Test]
    public async Task A_body_that_is_too_large_is_not_read()
    {
        await using var server = await RunningServer.StartAsync("--Server:MaxRequestBytes=1000");
        using var response = await server.PostAsync(Shared.Chat, Shared.Ask(("user", new string('x', 1000))).ToJsonString());
        await Errors.CheckAsync(response, 413);
        Assert.That(await server.AskAsync(Shared.Chat, Shared.Ask()), Is.Not.Null);
    }

    [Test]
    public async Task An_address_may_ask_so_many_times()
    {
        await using var server = await RunningServer.StartAsync("--Server:RequestsPerMinute=2", "--api-key=geheim");
        for (var i = 0; i < 2; i++)
        {
            using var wrong = await server.Http.GetAsync("v1/models");
            await Errors.CheckAsync(wrong, 401);
        }

        using var response = await server.Http.GetAsync("v1/models");
        var error = await Errors.CheckAsync(response, 429);
        Assert.That((string?)error["code"], Is.EqualTo("rate_limit_exceeded"), "Keys cannot be guessed faster than that.");
        Assert.That(response.Headers.RetryAfter!.Delta, Is.GreaterThan(TimeSpan.Zero));
        Assert.That(await server.Http.GetStringAsync("health"), Is.EqualTo("Healthy"), "Health is not limited.");
    }

    [Test]
    public async Task A_response_has_so_many_tokens()
    {
        await using var server = await RunningServer.StartAsync("--max-tokens=10");
        using var response = await server.PostAsync(Shared.Chat, Shared.Ask(("max_tokens", 11)).ToJsonString());
        Assert.That((string?)(await Errors.CheckAsync(response, 400))["param"], Is.EqualTo("max_tokens"));
        foreach (var (path, body) in new[] { (Shared.Chat, Shared.Ask()), (Shared.Completions, Shared.Continue(Shared.Question)) })
        {
            var answer = await server.AskAsync(path, body);
            Assert.That((int)answer["usage"]!["completion_tokens"]!, Is.EqualTo(10));
            Assert.That((string?)answer["choices"]![0]!["finish_reason"], Is.EqualTo("length"));
        }
    }
}
