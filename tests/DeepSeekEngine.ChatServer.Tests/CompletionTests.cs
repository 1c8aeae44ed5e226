using System.Text.Json.Nodes;

namespace DeepSeekEngine.ChatServer.Tests;

/// <summary>Continuations of raw prompts.</summary>
public sealed class CompletionTests
{
    private const string Prompt = "<｜begin▁of▁sentence｜><｜User｜>What is 47 + 58?<｜Assistant｜><think>\n";

    [Test]
    public async Task A_prompt_is_continued()
    {
        var response = await Shared.Server.AskAsync(Shared.Completions, Shared.Continue(Prompt, ("max_tokens", 200)));
        var choice = response["choices"]![0]!;
        Assert.That((string?)choice["text"], Is.EqualTo(Shared.Answer));
        Assert.That((string?)choice["reasoning_content"], Does.StartWith("Okay"));
        Assert.That((string?)choice["finish_reason"], Is.EqualTo("stop"));
        Assert.That((string?)response["object"], Is.EqualTo("text_completion"));
    }

    [Test]
    public async Task Sixteen_tokens_are_made_unless_something_is_said()
        => Assert.That((int)(await Shared.Server.AskAsync(Shared.Completions, Shared.Continue(Prompt)))["usage"]!["completion_tokens"]!, Is.EqualTo(16));

    [Test]
    public async Task Prompts_may_be_several_and_tokens()
    {
        var texts = await Shared.Server.AskAsync(
            Shared.Completions, Shared.Continue(new JsonArray("1 + 1", "2 + 2 = 4, 3"), ("n", 2), ("temperature", 1.5), ("seed", 3)));
        Assert.That(texts["choices"]!.AsArray().Select(choice => (int)choice!["index"]!), Is.EqualTo(new[] { 0, 1, 2, 3 }));
        var tokens = await Shared.Server.AskAsync(
            Shared.Completions, Shared.Continue(new JsonArray(5, 6), ("max_tokens", 2), ("logprobs", 0)));
        Assert.That((int)tokens["usage"]!["prompt_tokens"]!, Is.EqualTo(2));
        var lists = await Shared.Server.AskAsync(
            Shared.Completions, Shared.Continue(new JsonArray(new JsonArray(5, 6), new JsonArray(7)), ("max_tokens", 2)));
        Assert.That((int)lists["usage"]!["prompt_tokens"]!, Is.EqualTo(3));
        Assert.That((string?)lists["choices"]![0]!["text"], Is.EqualTo((string?)tokens["choices"]![0]!["text"]));
    }

    [Test]
    public async Task Log_probabilities_are_lists_of_one_length()
    {
        var response = await Shared.Server.AskAsync(Shared.Completions, Shared.Continue("What is 47 + 58?", ("logprobs", 2)));
        var choice = response["choices"]![0]!;
        var tokens = choice["logprobs"]!["tokens"]!.AsArray().Select(token => (string)token!).ToArray();
        Assert.That(string.Concat(tokens), Is.EqualTo((string?)choice["text"]));
        Assert.That(tokens, Has.Length.EqualTo(16));
        Assert.That(choice["logprobs"]!["token_logprobs"]!.AsArray().Select(value => (float)value!), Has.All.Negative.And.Exactly(16).Items);
        Assert.That(choice["logprobs"]!["top_logprobs"]!.AsArray().Select(top => top!.AsObject().Count), Has.All.EqualTo(2).And.Exactly(16).Items);
        Assert.That(
            choice["logprobs"]!["text_offset"]!.AsArray().Select(offset => (int)offset!),
            Is.EqualTo(tokens.Select((_, i) => string.Concat(tokens[..i]).Length)));
    }

    [Test]
    public async Task A_stream_adds_up_to_the_whole()
    {
        var body = Shared.Continue(Prompt, ("max_tokens", 200), ("logprobs", 0));
        var whole = await Shared.Server.AskAsync(Shared.Completions, body);
        body["stream_options"] = new JsonObject { ["include_usage"] = true };
        var events = await Shared.Server.StreamAsync(Shared.Completions, body).ToListAsync();
        var choices = events[..^2].Select(one => one!["choices"]![0]!).ToList();
        Assert.That(events[^1], Is.Null);
        Assert.That(string.Concat(choices.Select(choice => (string?)choice["text"])), Is.EqualTo((string?)whole["choices"]![0]!["text"]));
        Assert.That(
            string.Concat(choices.Select(choice => (string?)choice["reasoning_content"])),
            Is.EqualTo((string?)whole["choices"]![0]!["reasoning_content"]));
        Assert.That(
            choices.SelectMany(choice => choice["logprobs"]?["text_offset"]!.AsArray() ?? []).Select(offset => (int)offset!),
            Is.EqualTo(whole["choices"]![0]!["logprobs"]!["text_offset"]!.AsArray().Select(offset => (int)offset!)));
        Assert.That((string?)choices[^1]["finish_reason"], Is.EqualTo("stop"));
        Assert.That((int)events[^2]!["usage"]!["total_tokens"]!, Is.EqualTo((int)whole["usage"]!["total_tokens"]!));
    }
}
