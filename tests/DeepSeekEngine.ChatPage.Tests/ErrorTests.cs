using Microsoft.Playwright;
using NUnit.Framework;
using static Microsoft.Playwright.Assertions;

namespace DeepSeekEngine.ChatPage.Tests;

internal sealed class ErrorTests : PageTest
{
    private ILocator Alert => Page.Locator(".error:visible");

    private ILocator KeyDialog => Page.GetByRole(AriaRole.Dialog, new() { Name = "This server wants a key" });

    [Test]
    public async Task An_error_before_the_stream_is_shown_in_the_servers_words_and_can_be_tried_again()
    {
        Answers(reply => reply.RefuseAsync(500, "The model is not well."));
        Answers("Better now.");
        await AskAsync("How are you?");
        await Expect(Alert).ToContainTextAsync("The model is not well.");
        await Button("Try again").ClickAsync();
        await Expect(Answer).ToHaveTextAsync("Better now.");
        await Expect(Alert).ToHaveCountAsync(0);
        Assert.That(StreamTests.Roles(Server.Requests[1]), Is.EqualTo("user: How are you?"));
    }

    [Test]
    public async Task An_error_within_the_stream_keeps_what_came()
    {
        Answers(async reply =>
        {
            await reply.SayAsync("The beginning");
            await reply.FailAsync("The memory is full.");
        });
        Answers("The whole.");
        await AskAsync("Go on");
        await Expect(Alert).ToContainTextAsync("The memory is full.");
        await Expect(Answer).ToHaveTextAsync("The beginning");
        await Button("Try again").ClickAsync();
        await Expect(Answer).ToHaveTextAsync("The whole.");
        await Expect(Page.Locator(".reply")).ToHaveCountAsync(1);
    }

    [Test]
    public async Task A_connection_that_is_lost_is_no_end_of_an_answer([Values] bool abrupt)
    {
        var seen = new TaskCompletionSource();
        Answers(async reply =>
        {
            await reply.SayAsync("The beginning");
            await seen.Task.WaitAsync(reply.Gone);
            if (abrupt)
            {
                reply.Disconnect();
            }
        });
        await AskAsync("Go on");
        await Expect(Answer).ToHaveTextAsync("The beginning");
        seen.SetResult();
        await Expect(Alert).ToContainTextAsync("The connection was lost before the answer ended.");
        await Expect(Answer).ToHaveTextAsync("The beginning");
    }

    [Test]
    public async Task A_server_that_is_not_there_is_named_as_such()
    {
        await Server.DisposeAsync();
        await AskAsync("Anyone?");
        await Expect(Alert).ToContainTextAsync("The server cannot be reached.");
        await Expect(Question).ToBeEditableAsync();
    }

    [Test]
    public async Task A_full_queue_is_tried_again_when_the_server_says()
    {
        await Page.Clock.InstallAsync();
        Answers(reply => reply.RefuseAsync(429, "Too many are waiting.", retryAfter: 30));
        Answers("Your turn.");
        await AskAsync("Now?");
        await Expect(Alert).ToContainTextAsync("Too many are waiting.");
        var again = Alert.GetByRole(AriaRole.Button);
        await Expect(again).ToBeDisabledAsync();
        await Expect(again).ToContainTextAsync("Try again in ");
        await Page.Clock.FastForwardAsync(31_000);
        await Expect(again).ToBeEnabledAsync();
        await again.ClickAsync();
        await Expect(Answer).ToHaveTextAsync("Your turn.");
    }

    [TestCase("data: {not json\n\n", "could not be read", TestName = "An_event_that_is_no_json_is_an_error")]
    [TestCase("data: null\n\ndata: []\n\ndata: {\"choices\":[null]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":{}}}]}\n\n", "The connection was lost",
        TestName = "Events_of_another_form_are_passed_over")]
    [TestCase("data: {\"error\":7}\n\n", "The server stopped with an error.", TestName = "An_error_without_words_is_an_error")]
    public async Task A_stream_that_is_none(string stream, string message)
    {
        Answers(reply => reply.WriteAsync(stream));
        await AskAsync("Go on");
        await Expect(Alert).ToContainTextAsync(message);
    }

    [Test]
    public async Task A_page_in_the_place_of_a_stream_is_an_error()
    {
        Answers(reply => reply.RefuseAsync(200, "hello"));
        await AskAsync("Go on");
        await Expect(Alert).ToContainTextAsync("something else than a stream");
    }

    [Test]
    public async Task A_key_is_asked_for_until_it_is_right_and_kept_for_the_tab_alone()
    {
        Server.Key = "sk-right";
        Answers("Welcome.");
        await AskAsync("Hello");
        await Expect(KeyDialog).ToBeVisibleAsync();
        await Page.GetByLabel("API key").FillAsync("sk-wrong");
        await Page.GetByLabel("API key").PressAsync("Enter");
        await Expect(KeyDialog.GetByText("The server did not accept the last one.")).ToBeVisibleAsync();
        await Page.GetByLabel("API key").FillAsync("sk-right");
        await Button("Use it").ClickAsync();
        await Expect(Answer).ToHaveTextAsync("Welcome.");

        await Page.ReloadAsync();
        await AskAndWaitAsync("Again");
        await Expect(KeyDialog).ToBeHiddenAsync();
        Assert.That(await Page.EvaluateAsync<string>("() => JSON.stringify(localStorage)"), Does.Not.Contain("sk-"));
        var other = await Page.Context.NewPageAsync();
        await other.GotoAsync(Server.Address.AbsoluteUri);
        Assert.That(await other.EvaluateAsync<string>("() => JSON.stringify(sessionStorage)"), Does.Not.Contain("sk-"));
    }

    [Test]
    public async Task An_error_that_follows_a_key_takes_the_place_of_the_one_before()
    {
        Server.Key = "sk-right";
        Answers(reply => reply.RefuseAsync(500, "The model is not well."));
        await AskAsync("Hello");
        await Page.GetByLabel("API key").FillAsync("sk-right");
        await Button("Use it").ClickAsync();
        await Expect(Alert.Locator("p")).ToHaveTextAsync("The model is not well.");
    }

    [Test]
    public async Task Whoever_gives_no_key_is_told_what_the_server_said()
    {
        Server.Key = "sk-right";
        await AskAsync("Hello");
        await KeyDialog.GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
        await Expect(Alert).ToContainTextAsync("Incorrect API key provided.");
    }
}
