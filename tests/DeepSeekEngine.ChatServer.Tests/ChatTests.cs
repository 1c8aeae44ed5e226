using System.Text;
using System.Text.Json.Nodes;

namespace DeepSeekEngine.ChatServer.Tests;

/// <summary>Chats, as they are on the wire.</summary>
public sealed class ChatTests
{
    [Test]
    public async Task Reasoning_comes_apart_from_the_answer()
    {
        var response = await Shared.Server.AskAsync(Shared.Chat, Shared.Ask());
        var message = response["choices"]![0]!["message"]!;
        Assert.That((string?)message["reasoning_content"], Does.StartWith("Okay").And.Contain("105"));
        Assert.That((string?)message["content"], Is.EqualTo(Shared.Answer));
        Assert.That(response["usage"]!["prompt_tokens_details"]!["cached_tokens"], Is.Not.Null);
    }

    [Test]
    public async Task A_stream_adds_up_to_the_whole_answer()
    {
        var whole = await Shared.Server.AskAsync(Shared.Chat, Shared.Ask(("logprobs", true), ("top_logprobs", 2)));
        var (reasoning, content) = (new StringBuilder(), new StringBuilder());
        JsonArray reasoningTokens = [], contentTokens = [];
        var events = await Shared.Server.StreamAsync(Shared.Chat, Shared.Ask(
            ("logprobs", true), ("top_logprobs", 2), ("stream_options", new JsonObject { ["include_usage"] = true }))).ToListAsync();
        Assert.That(events[^1], Is.Null, "[DONE] is last.");
        Assert.That((string?)events[0]!["choices"]![0]!["delta"]!["role"], Is.EqualTo("assistant"));
        foreach (var choice in events[..^2].Select(one => one!["choices"]![0]!))
        {
            reasoning.Append((string?)choice["delta"]!["reasoning_content"]);
            content.Append((string?)choice["delta"]!["content"]);
            Add(choice["logprobs"]?["reasoning_content"], reasoningTokens);
            Add(choice["logprobs"]?["content"], contentTokens);
        }

        var choiceOfWhole = whole["choices"]![0]!;
        Assert.That(reasoning.ToString(), Is.EqualTo((string?)choiceOfWhole["message"]!["reasoning_content"]));
        Assert.That(content.ToString(), Is.EqualTo((string?)choiceOfWhole["message"]!["content"]));
        Assert.That(JsonNode.DeepEquals(reasoningTokens, choiceOfWhole["logprobs"]!["reasoning_content"]), "The same tokens are reasoning.");
        Assert.That(JsonNode.DeepEquals(contentTokens, choiceOfWhole["logprobs"]!["content"]), "The same tokens are the answer.");
        Assert.That(reasoningTokens, Has.Count.EqualTo((int)whole["usage"]!["completion_tokens_details"]!["reasoning_tokens"]!));
        Assert.That((string?)events[^3]!["choices"]![0]!["finish_reason"], Is.EqualTo("stop"));
        Assert.That(events[^2]!["choices"]!.AsArray(), Is.Empty);
        Assert.That((int)events[^2]!["usage"]!["total_tokens"]!, Is.EqualTo((int)whole["usage"]!["total_tokens"]!));
        Assert.That(events[..^1].Select(one => (string?)one!["id"]).Distinct().Count(), Is.EqualTo(1));

        static void Add(JsonNode? from, JsonArray to)
        {
            foreach (var token in from?.AsArray() ?? [])
            {
                to.Add(token!.DeepClone());
            }
        }
    }

    [Test]
    public async Task Usage_is_streamed_only_if_it_is_asked_for()
    {
        var events = await Shared.Server.StreamAsync(Shared.Chat, Shared.Ask(("max_tokens", 3))).ToListAsync();
        Assert.That(events.Any(one => one?["usage"] is not null), Is.False);
    }

    [Test]
    public async Task A_seed_gives_the_same_answer_and_each_choice_another()
    {
        var body = Shared.Ask(("seed", 5), ("temperature", 30), ("n", 3), ("max_tokens", 40));
        var first = await Shared.Server.AskAsync(Shared.Chat, body);
        var second = await Shared.Server.AskAsync(Shared.Chat, body);
        Assert.That(Texts(second), Is.EqualTo(Texts(first)));
        Assert.That(Texts(first).Distinct().Count(), Is.EqualTo(3));
        Assert.That((int)first["usage"]!["prompt_tokens"]!, Is.EqualTo(15), "The prompt counts once.");

        body["n"] = 1;
        body["seed"] = 6;
        Assert.That(Texts(await Shared.Server.AskAsync(Shared.Chat, body)).Single(), Is.EqualTo(Texts(first)[1]), "The second has the next seed.");

        body["n"] = 3;
        body["seed"] = 5;
        var streamed = new[] { "", "", "" };
        await foreach (var one in Shared.Server.StreamAsync(Shared.Chat, body))
        {
            if (one?["choices"]![0] is { } choice)
            {
                streamed[(int)choice["index"]!] += $"{choice["delta"]!["reasoning_content"]}{choice["delta"]!["content"]}";
            }
        }

        Assert.That(streamed, Is.EqualTo(Texts(first)));

        static string[] Texts(JsonNode response)
            => [.. response["choices"]!.AsArray().Select(choice => $"{choice!["message"]!["reasoning_content"]}{choice["message"]!["content"]}")];
    }

    [TestCase("reasoning_effort", "none")]
    [TestCase("max_thinking_tokens", 0)]
    public async Task Thinking_can_be_left_out(string field, object value)
    {
        var response = await Shared.Server.AskAsync(Shared.Chat, Shared.Ask((field, JsonValue.Create(value))));
        Assert.That(response["choices"]![0]!["message"]!["reasoning_content"], Is.Null);
        Assert.That((int)response["usage"]!["completion_tokens_details"]!["reasoning_tokens"]!, Is.Zero);
    }

    [TestCase("minimal", 5)]
    [TestCase("low", 20)]
    [TestCase("medium", 50)]
    public async Task An_effort_is_a_share_of_the_tokens(string effort, int tokens)
    {
        var response = await Shared.Server.AskAsync(Shared.Chat, Shared.Ask(("reasoning_effort", effort), ("max_tokens", 100)));
        Assert.That((int)response["usage"]!["completion_tokens_details"]!["reasoning_tokens"]!, Is.InRange(tokens, tokens + 3), "With the tag that ends it.");
    }

    [Test]
    public async Task Messages_may_be_of_any_role_and_in_parts()
    {
        var messages = JsonNode.Parse(
            $$"""
            [{"role":"developer","content":"Add."},
             {"role":"user","name":"ann","content":[{"type":"text","text":"What is 12 "},{"type":"text","text":"+ 30?"}]},
             {"role":"assistant","content":"12 + 30 = 42","reasoning_content":"Hm.","refusal":null},
             {"role":"user","content":"{{Shared.Question}}"}]
            """);
        var response = await Shared.Server.AskAsync(Shared.Chat, Shared.Ask(
            ("messages", messages), ("user", "ann"), ("metadata", new JsonObject { ["a"] = "b" }), ("store", true), ("logit_bias", new JsonObject()),
            ("tools", new JsonArray()), ("stop", new JsonArray()), ("response_format", new JsonObject { ["type"] = "text" })));
        Assert.That((string?)response["choices"]![0]!["message"]!["content"], Is.EqualTo(Shared.Answer));
    }

    [Test]
    public async Task Calls_and_their_results_are_part_of_a_conversation()
    {
        var messages = JsonNode.Parse(
            """
            [{"role":"user","content":"What is 47 + 58?"},
             {"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"add","arguments":"{\"a\":47,\"b\":58}"}}]},
             {"role":"tool","tool_call_id":"call_1","content":"105"}]
            """)!;
        var with = await Shared.Server.AskAsync(Shared.Chat, Shared.Ask(("messages", messages), ("max_tokens", 1)));
        Assert.That((int)with["usage"]!["prompt_tokens"]!, Is.GreaterThan(30), "They are in the prompt.");

        messages[2]!["tool_call_id"] = "call_2";
        using var response = await Shared.Server.PostAsync(Shared.Chat, Shared.Ask(("messages", messages.DeepClone())).ToJsonString());
        Assert.That((string?)(await Errors.CheckAsync(response, 400))["message"], Does.Contain("call_2"));
    }

    [Test]
    public async Task Characters_are_written_as_they_are()
    {
        var response = await Shared.Server.PostAsync(Shared.Chat, Shared.Ask(("model", "größer <b>")).ToJsonString());
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("größer <b>"));
    }
}
