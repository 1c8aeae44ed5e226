using DeepSeekEngine.Testing;
using Microsoft.Extensions.AI;
using NUnit.Framework;

namespace DeepSeekEngine.Extensions.AI.Tests;

/// <summary>Messages in, responses out.</summary>
public sealed class ChatClientTests : SampleModelTests
{
    private static readonly ChatOptions Greedy = new() { Temperature = 0 };

    [Test]
    public async Task A_response_has_reasoning_answer_usage_and_identity()
    {
        var before = DateTimeOffset.UtcNow;
        var response = await _client.GetResponseAsync(Question, Greedy);
        Assert.That(response.Text, Is.EqualTo("47 + 58 = 105"));
        var message = response.Messages.Single();
        Assert.That(message.Role, Is.EqualTo(ChatRole.Assistant));
        Assert.That(message.Contents.Select(c => c.GetType()), Is.EqualTo(new[] { typeof(TextReasoningContent), typeof(TextContent) }));
        Assert.That(((TextReasoningContent)message.Contents[0]).Text, Does.Contain("carry"));
        Assert.That(response.FinishReason, Is.EqualTo(ChatFinishReason.Stop));
        Assert.That(response.ModelId, Is.EqualTo("tiny-r1"));
        Assert.That(response.ResponseId, Is.Not.Empty.And.EqualTo(message.MessageId));
        Assert.That(response.CreatedAt, Is.GreaterThanOrEqualTo(before).And.LessThanOrEqualTo(DateTimeOffset.UtcNow));

        var result = (GenerationResult)response.RawRepresentation!;
        Assert.That(response.Usage!.InputTokenCount, Is.EqualTo(result.Usage.PromptTokens).And.Positive);
        Assert.That(response.Usage.OutputTokenCount, Is.EqualTo(result.Usage.CompletionTokens).And.Positive);
        Assert.That(response.Usage.ReasoningTokenCount, Is.EqualTo(result.Usage.ReasoningTokens).And.Positive);
        Assert.That(response.Usage.TotalTokenCount, Is.EqualTo(response.Usage.InputTokenCount + response.Usage.OutputTokenCount));
        Assert.That(
            (response.Usage.InputTextTokenCount, response.Usage.OutputTextTokenCount, response.Usage.InputAudioTokenCount,
                response.Usage.OutputAudioTokenCount),
            Is.EqualTo(((long?)null, (long?)null, (long?)null, (long?)null)));
        Assert.That(response.Usage.AdditionalCounts, Is.Null);
    }

    [Test]
    public async Task A_full_context_is_a_matter_of_length()
    {
        await using var small = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, new() { Device = Device.Cpu, ContextLength = 40 });
        Assert.That((await small.AsChatClient().GetResponseAsync(Question, Greedy)).FinishReason, Is.EqualTo(ChatFinishReason.Length));
    }

    [Test]
    public async Task Streaming_gives_the_same_response_piece_by_piece()
    {
        var whole = await _client.GetResponseAsync(Question, Greedy);
        var updates = await _client.GetStreamingResponseAsync(Question, Greedy).ToListAsync();
        Assert.That(updates, Has.Count.GreaterThan(5));
        Assert.That(updates.Select(u => u.ResponseId).Distinct().Count(), Is.EqualTo(1));
        Assert.That(updates.Select(u => u.ModelId).Distinct(), Is.EqualTo(new[] { "tiny-r1" }));
        Assert.That(updates.Select(u => u.CreatedAt).Distinct().Single(), Is.Not.Null);
        Assert.That(updates.SkipLast(1).Select(u => u.FinishReason), Is.All.Null);
        Assert.That(updates[^1].FinishReason, Is.EqualTo(ChatFinishReason.Stop));
        Assert.That(updates.SelectMany(u => u.Contents).OfType<UsageContent>().Count(), Is.EqualTo(1));

        var streamed = updates.ToChatResponse();
        Assert.That(streamed.Text, Is.EqualTo(whole.Text));
        Assert.That(Reasoning(streamed), Is.EqualTo(Reasoning(whole)));
        Assert.That(streamed.Usage!.OutputTokenCount, Is.EqualTo(whole.Usage!.OutputTokenCount));
    }

    [Test]
    public async Task Tokens_the_cache_held_are_counted()
    {
        var options = new ChatOptions { Temperature = 0, MaxOutputTokens = 1, Instructions = string.Concat(Enumerable.Repeat("Add with care. ", 20)) };
        await _client.GetResponseAsync(Question, options);
        var again = await _client.GetResponseAsync(Question, options);
        Assert.That(again.Usage!.CachedInputTokenCount, Is.Positive.And.LessThan(again.Usage.InputTokenCount!.Value));
    }

    [Test]
    public async Task Roles_and_several_texts_are_mapped()
    {
        ChatMessage[] messages =
        [
            new(ChatRole.System, "Be brief."), new(ChatRole.User, [new TextContent("What is "), new TextContent("1 + 1?")]),
            new(ChatRole.Assistant, "2"), new(ChatRole.Tool, "3"), new(ChatRole.User, Question),
        ];
        Message[] same =
        [
            new(Role.System, "Be brief."), new(Role.User, "What is 1 + 1?"), new(Role.Assistant, "2"), new(Role.Tool, "3"),
            new(Role.User, Question),
        ];
        Assert.That(await PromptTokens(messages), Is.EqualTo(_model.CountTokens(same)));
    }

    [Test]
    public async Task Reasoning_and_usage_of_earlier_responses_are_left_out()
    {
        ChatMessage[] messages =
        [
            new(ChatRole.User, "What is 1 + 1?"),
            new(ChatRole.Assistant, [new TextReasoningContent("Hm."), new TextContent("2"), new UsageContent(new UsageDetails())]),
            new(ChatRole.User, Question),
        ];
        Message[] same = [new(Role.User, "What is 1 + 1?"), new(Role.Assistant, "2"), new(Role.User, Question)];
        Assert.That(await PromptTokens(messages), Is.EqualTo(_model.CountTokens(same)));
    }

    [Test]
    public async Task Instructions_are_a_system_message()
    {
        var options = new ChatOptions { Instructions = "Be brief." };
        Message[] same = [new(Role.System, "Be brief."), new(Role.User, Question)];
        Assert.That(await PromptTokens([new(ChatRole.User, Question)], options), Is.EqualTo(_model.CountTokens(same)));

        Message[] merged = [new(Role.System, "Be brief.\n\nBe kind."), new(Role.User, Question)];
        Assert.That(
            await PromptTokens([new(ChatRole.System, "Be kind."), new(ChatRole.User, Question)], options), Is.EqualTo(_model.CountTokens(merged)));
    }

    [Test]
    public void Other_contents_and_roles_are_refused_by_name()
    {
        AssertRefused(new(ChatRole.User, [new DataContent(new byte[] { 1 }, "image/png")]), "DataContent (image/png)");
        AssertRefused(new(ChatRole.User, [new UriContent("https://example.org/a.png", "image/png")]), "UriContent (image/png)");
        AssertRefused(new(ChatRole.User, [new FunctionCallContent("1", "add")]), "FunctionCallContent");
        AssertRefused(new(ChatRole.User, [new FunctionResultContent("1", "2")]), "FunctionResultContent");
        AssertRefused(new(ChatRole.Tool, [new FunctionResultContent("1", "2"), new TextContent("3")]), "both");
        AssertRefused(new(ChatRole.Assistant, [new ErrorContent("It failed.")]), "ErrorContent");
        AssertRefused(new(new ChatRole("developer"), "Hello"), "developer");
    }

    [Test]
    public void The_client_gives_its_services()
    {
        Assert.That(_client.GetService<DeepSeekModel>(), Is.SameAs(_model));
        Assert.That(_client.GetService<IChatClient>(), Is.SameAs(_client));
        Assert.That(_client.GetService<string>(), Is.Null);
        Assert.That(_client.GetService(typeof(DeepSeekModel), "key"), Is.Null);
        var metadata = _client.GetService<ChatClientMetadata>()!;
        Assert.That(metadata.ProviderName, Is.EqualTo("deepseek_engine"));
        Assert.That(metadata.DefaultModelId, Is.EqualTo("tiny-r1"));
        Assert.That(_model.AsChatClient("other").GetService<ChatClientMetadata>()!.DefaultModelId, Is.EqualTo("other"));
    }

    [Test]
    public async Task Cancelling_ends_the_stream()
    {
        using var cancellation = new CancellationTokenSource();
        await Assert.CatchAsync<OperationCanceledException>(async () =>
        {
            await foreach (var update in _client.GetStreamingResponseAsync(Question, Greedy, cancellation.Token))
            {
                await cancellation.CancelAsync();
            }
        });
    }

    private static string Reasoning(ChatResponse response)
        => string.Concat(response.Messages.SelectMany(m => m.Contents).OfType<TextReasoningContent>().Select(c => c.Text));

    private void AssertRefused(ChatMessage message, string named)
        => Assert.That(
            () => _client.GetResponseAsync([message]), Throws.TypeOf<NotSupportedException>().With.Message.Contains(named));

    private async Task<long?> PromptTokens(IEnumerable<ChatMessage> messages, ChatOptions? options = null)
    {
        options ??= new ChatOptions();
        options.MaxOutputTokens = 1;
        return (await _client.GetResponseAsync(messages, options)).Usage!.InputTokenCount;
    }
}
