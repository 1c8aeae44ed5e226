using System.ClientModel;
using System.Text;
using OpenAI.Chat;
using OpenAI.Models;

namespace DeepSeekEngine.ChatServer.Tests;

/// <summary>The server as OpenAI's own client sees it.</summary>
public sealed class OpenAIClientTests
{
    private static readonly ChatMessage[] Messages = [new UserChatMessage(Shared.Question)];

    private static ChatClient Chat => Shared.Server.Client().GetChatClient("tiny-r1");

    [Test]
    public async Task A_question_is_answered()
    {
        ChatCompletion completion = await Chat.CompleteChatAsync(Messages);
        Assert.That(completion.Content.Single().Text, Is.EqualTo(Shared.Answer));
        Assert.That(completion.FinishReason, Is.EqualTo(ChatFinishReason.Stop));
        Assert.That(completion.Role, Is.EqualTo(ChatMessageRole.Assistant));
        Assert.That(completion.Model, Is.EqualTo("tiny-r1"));
        Assert.That(completion.Id, Does.StartWith("chatcmpl-"));
        Assert.That(completion.SystemFingerprint, Does.Match("^fp_[0-9a-f]{10}$"));
        Assert.That(completion.CreatedAt, Is.EqualTo(DateTimeOffset.UtcNow).Within(TimeSpan.FromMinutes(5)));
        Assert.That(completion.Usage.InputTokenCount, Is.EqualTo(15));
        Assert.That(completion.Usage.OutputTokenDetails.ReasoningTokenCount, Is.InRange(1, completion.Usage.OutputTokenCount - 1));
        Assert.That(completion.Usage.TotalTokenCount, Is.EqualTo(completion.Usage.InputTokenCount + completion.Usage.OutputTokenCount));
    }

    [Test]
    public async Task A_stream_is_the_same_in_pieces()
    {
        var text = new StringBuilder();
        var pieces = 0;
        ChatFinishReason? reason = null;
        ChatTokenUsage? usage = null;
        await foreach (var update in Chat.CompleteChatStreamingAsync(Messages))
        {
            foreach (var part in update.ContentUpdate)
            {
                text.Append(part.Text);
                pieces++;
            }

            reason = update.FinishReason ?? reason;
            usage = update.Usage ?? usage;
        }

        Assert.That(text.ToString(), Is.EqualTo(Shared.Answer));
        Assert.That(pieces, Is.GreaterThan(4));
        Assert.That(reason, Is.EqualTo(ChatFinishReason.Stop));
        Assert.That(usage!.OutputTokenDetails.ReasoningTokenCount, Is.Positive);
    }

    [Test]
    public async Task Options_are_honoured()
    {
        ChatCompletion stopped = await Chat.CompleteChatAsync(Messages, new ChatCompletionOptions { StopSequences = { " = " } });
        Assert.That(stopped.Content.Single().Text, Is.EqualTo("47 + 58"));
        Assert.That(stopped.FinishReason, Is.EqualTo(ChatFinishReason.Stop));

        ChatCompletion cut = await Chat.CompleteChatAsync(Messages, new ChatCompletionOptions { MaxOutputTokenCount = 5 });
        Assert.That(cut.FinishReason, Is.EqualTo(ChatFinishReason.Length));
        Assert.That(cut.Usage.OutputTokenCount, Is.EqualTo(5));
    }

    [Test]
    public async Task Log_probabilities_come_with_their_alternatives()
    {
        ChatCompletion completion = await Chat.CompleteChatAsync(
            Messages, new ChatCompletionOptions { IncludeLogProbabilities = true, TopLogProbabilityCount = 3 });
        var tokens = completion.ContentTokenLogProbabilities;
        Assert.That(string.Concat(tokens.Select(token => token.Token)), Does.Contain(Shared.Answer));
        foreach (var token in tokens)
        {
            Assert.That(token.TopLogProbabilities, Has.Count.EqualTo(3));
            Assert.That(token.TopLogProbabilities[0].LogProbability, Is.EqualTo(token.LogProbability), "The most probable token was chosen.");
            Assert.That(token.TopLogProbabilities.Select(other => other.LogProbability), Is.Ordered.Descending);
            Assert.That(Encoding.UTF8.GetString(token.Utf8Bytes!.Value.Span), Is.EqualTo(token.Token));
        }
    }

    [Test]
    public async Task Models_are_listed()
    {
        var client = Shared.Server.Client().GetOpenAIModelClient();
        OpenAIModelCollection models = await client.GetModelsAsync();
        Assert.That(models.Select(model => model.Id), Is.EqualTo(new[] { "tiny-r1" }));
        OpenAIModel one = await client.GetModelAsync("tiny-r1");
        Assert.That(one.OwnedBy, Is.EqualTo("deepseek-engine"));
        Assert.That((await Assert.ThrowsAsync<ClientResultException>(() => client.GetModelAsync("other")))!.Status, Is.EqualTo(404));
    }

    [Test]
    public async Task An_error_is_one_the_client_understands()
    {
        var unknown = await Assert.ThrowsAsync<ClientResultException>(
            () => Shared.Server.Client().GetChatClient("gpt-4").CompleteChatAsync(Messages));
        Assert.That(unknown!.Status, Is.EqualTo(404));
        Assert.That(unknown.Message, Does.Contain("model_not_found").And.Contain("tiny-r1"));

        var image = new UserChatMessage(ChatMessageContentPart.CreateImagePart(new Uri("https://example.com/cat.png")));
        var refused = await Assert.ThrowsAsync<ClientResultException>(() => Chat.CompleteChatAsync(image));
        Assert.That(refused!.Status, Is.EqualTo(400));
        Assert.That(refused.Message, Does.Contain("messages[0].content[0]").And.Contain("image_url"));

        var streamed = await Assert.ThrowsAsync<ClientResultException>(async () =>
        {
            await foreach (var update in Chat.CompleteChatStreamingAsync(image))
            {
                Assert.Fail($"There was an update: {update}");
            }
        });
        Assert.That(streamed!.Status, Is.EqualTo(400));
    }
}
