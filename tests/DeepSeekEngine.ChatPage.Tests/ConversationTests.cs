using System.Text.Json;
using Microsoft.Playwright;
using NUnit.Framework;
using static Microsoft.Playwright.Assertions;

namespace DeepSeekEngine.ChatPage.Tests;

internal sealed class ConversationTests : PageTest
{
    private ILocator Chats => Page.Locator("#chats .chat");

    [Test]
    public async Task Earlier_answers_are_sent_without_their_reasoning()
    {
        Answers("It is 4.", reasoning: "Secret thoughts.");
        Answers("It is 5.");
        await AskAndWaitAsync("2 + 2?");
        await AskAndWaitAsync("And 1 more?");
        var request = Server.Requests[1];
        Assert.That(StreamTests.Roles(request), Is.EqualTo("user: 2 + 2? | assistant: It is 4. | user: And 1 more?"));
        Assert.That(request.ToString(), Does.Not.Contain("Secret"));
        Assert.That(request.GetProperty("model").GetString(), Is.EqualTo("tiny-r1"));
        Assert.That(request.GetProperty("stream").GetBoolean());
        Assert.That(request.GetProperty("stream_options").GetProperty("include_usage").GetBoolean());
    }

    [Test]
    public async Task An_answer_can_be_had_again()
    {
        Answers("First.");
        Answers("Other.");
        await AskAndWaitAsync("Say something");
        await Button("Answer again").ClickAsync();
        await Expect(Answer).ToHaveTextAsync("Other.");
        await Expect(Page.Locator(".message")).ToHaveCountAsync(2);
        Assert.That(StreamTests.Roles(Server.Requests[1]), Is.EqualTo("user: Say something"));
    }

    [Test]
    public async Task A_question_that_is_edited_takes_away_what_followed_it()
    {
        Answers("One.");
        Answers("Two.");
        Answers("Three.");
        await AskAndWaitAsync("First");
        await AskAndWaitAsync("Second");
        await Button("Edit question").First.ClickAsync();
        var editor = Page.GetByLabel("Edit your question");
        await Expect(editor).ToHaveValueAsync("First");
        await editor.FillAsync("Changed");
        await editor.PressAsync("Escape");
        await Expect(Page.Locator(".bubble")).ToHaveTextAsync(["First", "Second"]);

        await Button("Edit question").First.ClickAsync();
        await editor.FillAsync("Changed");
        await editor.PressAsync("Enter");
        await Expect(Answer).ToHaveTextAsync("Three.");
        await Expect(Page.Locator(".bubble")).ToHaveTextAsync(["Changed"]);
        await Expect(Page.Locator(".reply")).ToHaveCountAsync(1);
        Assert.That(StreamTests.Roles(Server.Requests[2]), Is.EqualTo("user: Changed"));
    }

    [Test]
    public async Task An_edit_stops_the_answer_that_is_coming()
    {
        var gone = AnswersWithoutEnd("The beginning");
        Answers("The other.");
        await AskAsync("First");
        await Expect(Answer).ToHaveTextAsync("The beginning");
        await Button("Edit question").ClickAsync();
        await Page.GetByLabel("Edit your question").FillAsync("Changed");
        await Page.GetByLabel("Edit your question").PressAsync("Enter");
        await gone.WaitAsync(TimeSpan.FromSeconds(20));
        await Expect(Answer).ToHaveTextAsync("The other.");
        await Expect(Button("Send")).ToBeVisibleAsync();
        await Expect(Page.Locator(".message")).ToHaveCountAsync(2);
    }

    [Test]
    public async Task A_chat_is_still_there_after_a_reload()
    {
        Answers("It is **4**.", reasoning: "Easy.");
        await AskAndWaitAsync("2 + 2?");
        var figures = await Page.Locator(".figures").TextContentAsync();
        await Page.ReloadAsync();
        await Expect(Page.Locator(".bubble")).ToHaveTextAsync("2 + 2?");
        await Expect(Answer.Locator("strong")).ToHaveTextAsync("4");
        await Expect(Page.Locator(".figures")).ToHaveTextAsync(figures!);
        await Expect(Thinking).Not.ToHaveAttributeAsync("open", "");
        await Thinking.Locator("summary").ClickAsync();
        await Expect(Thinking.GetByText("Easy.")).ToBeVisibleAsync();
        await Expect(Page).ToHaveTitleAsync("2 + 2? · DeepSeekEngine");
    }

    [Test]
    public async Task A_reload_in_the_middle_keeps_what_came_and_says_that_it_was_interrupted()
    {
        _ = AnswersWithoutEnd("The beginning");
        Answers("The whole.");
        await AskAsync("Go on");
        await Expect(Answer).ToHaveTextAsync("The beginning");
        await Page.ReloadAsync();
        await Expect(Answer).ToHaveTextAsync("The beginning");
        await Expect(Page.GetByText("Interrupted:")).ToBeVisibleAsync();
        await Button("Answer again").ClickAsync();
        await Expect(Answer).ToHaveTextAsync("The whole.");
        await Expect(Page.GetByText("Interrupted:")).ToBeHiddenAsync();
    }

    [Test]
    public async Task Chats_are_kept_apart_opened_and_deleted()
    {
        Answers("One.");
        Answers("Two.");
        await AskAndWaitAsync("First chat");
        await Button("New chat").ClickAsync();
        await Expect(Page.Locator(".message")).ToHaveCountAsync(0);
        await AskAndWaitAsync("Second chat");
        await Expect(Chats).ToHaveTextAsync(["Second chat", "First chat"]);
        Assert.That(StreamTests.Roles(Server.Requests[1]), Is.EqualTo("user: Second chat"));
        await Chats.Last.ClickAsync();
        await Expect(Answer).ToHaveTextAsync("One.");
        await Expect(Chats.Last).ToHaveAttributeAsync("aria-current", "true");

        await Button("Delete chat: First chat").ClickAsync();
        await Button("Keep it").ClickAsync();
        await Expect(Chats).ToHaveCountAsync(2);
        await Button("Delete chat: First chat").ClickAsync();
        await Button("Delete").ClickAsync();
        await Expect(Chats).ToHaveTextAsync(["Second chat"]);
        await Expect(Page.Locator(".message")).ToHaveCountAsync(0);
        await Page.ReloadAsync();
        await Expect(Chats).ToHaveTextAsync(["Second chat"]);
    }

    [Test]
    public async Task An_answer_goes_on_while_another_chat_is_open()
    {
        var steps = new SemaphoreSlim(0);
        Answers(async reply =>
        {
            await reply.SayAsync("Begun");
            await steps.WaitAsync(reply.Gone);
            await reply.SayAsync(" and ended.");
            await reply.FinishAsync();
        });
        Answers("Quick.");
        await AskAsync("Slow");
        await Expect(Answer).ToHaveTextAsync("Begun");
        await Button("New chat").ClickAsync();
        await Expect(Stop).ToBeHiddenAsync();
        await Expect(Chats.GetByLabel("is being answered")).ToBeVisibleAsync();
        await AskAndWaitAsync("Fast");
        await Expect(Answer).ToHaveTextAsync("Quick.");
        steps.Release();
        await Expect(Chats.GetByLabel("is being answered")).ToHaveCountAsync(0);
        await Page.GetByRole(AriaRole.Button, new() { Name = "Slow", Exact = true }).ClickAsync();
        await Expect(Answer).ToHaveTextAsync("Begun and ended.");
    }

    [Test]
    public async Task Another_tab_shows_the_same_chats()
    {
        Answers("One.");
        var other = await Page.Context.NewPageAsync();
        await other.GotoAsync(Server.Address.AbsoluteUri);
        await AskAndWaitAsync("Shared");
        await Expect(other.Locator("#chats .chat")).ToHaveTextAsync(["Shared"]);
        await other.Locator("#chats .chat").ClickAsync();
        await Expect(other.Locator(".answer")).ToHaveTextAsync("One.");
    }

    [Test]
    public async Task What_is_kept_but_is_no_chat_is_passed_over()
    {
        Answers("Works.");
        await Page.EvaluateAsync("""
            () => {
              localStorage.setItem('deepseek-engine.chat.a', '{not json');
              localStorage.setItem('deepseek-engine.chat.b', '{"id":"b","updated":1,"messages":[{"role":"assistant"}]}');
              localStorage.setItem('deepseek-engine.chat.c', '{"id":"__proto__","updated":1,"messages":[],"__proto__":{"hacked":1}}');
              localStorage.setItem('deepseek-engine.settings', '{"temperature":{},"thinking":7}');
              localStorage.setItem('deepseek-engine.theme', '"\\u003cimg>"');
              localStorage.setItem('deepseek-engine.chat.d', JSON.stringify({ id: 'd', updated: 2, messages: [{ role: 'user', content: 'kept' }] }));
            }
            """);
        await Page.ReloadAsync();
        await Expect(Chats).ToHaveTextAsync(["kept"]);
        await AskAndWaitAsync("Hello");
        await Expect(Answer).ToHaveTextAsync("Works.");
    }

    [Test]
    public async Task Where_the_browser_has_no_room_the_page_says_so_and_goes_on()
    {
        Answers("Works.");
        await Page.EvaluateAsync("() => Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }");
        await AskAndWaitAsync("Hello");
        await Expect(Answer).ToHaveTextAsync("Works.");
        await Expect(Page.GetByText("This browser has no room to keep this chat.")).ToBeVisibleAsync();
        await Button("Settings").ClickAsync();
        await Page.GetByLabel("Temperature").FillAsync("0.5");
        await Button("Save").ClickAsync();
        await AskAndWaitAsync("Again");
        Assert.That(Server.Requests[1].GetProperty("temperature").GetDouble(), Is.EqualTo(0.5));
    }

    [Test]
    public async Task Settings_are_kept_and_sent()
    {
        Answers("Yes.");
        await AskAndWaitAsync("Without");
        var fields = Server.Requests[0].EnumerateObject().Select(field => field.Name);
        Assert.That(fields, Is.EquivalentTo((string[])["model", "messages", "stream", "stream_options"]));

        await Button("Settings").ClickAsync();
        await Page.GetByLabel("System prompt").FillAsync("Be brief.");
        await Page.GetByLabel("Thinking").SelectOptionAsync("none");
        await Page.GetByLabel("Temperature").FillAsync("0.6");
        await Page.GetByLabel("Top p").FillAsync("0.95");
        await Page.GetByLabel("Most tokens of an answer").FillAsync("200");
        await Page.GetByLabel("Seed").FillAsync("7");
        await Button("Save").ClickAsync();
        await Page.ReloadAsync();
        await AskAndWaitAsync("With");
        var request = Server.Requests[1];
        Assert.That(StreamTests.Roles(request), Does.StartWith("system: Be brief. | user: Without"));
        Assert.That(Number("temperature"), Is.EqualTo(0.6));
        Assert.That(Number("top_p"), Is.EqualTo(0.95));
        Assert.That(Number("max_tokens"), Is.EqualTo(200));
        Assert.That(Number("seed"), Is.EqualTo(7));
        Assert.That(request.GetProperty("reasoning_effort").GetString(), Is.EqualTo("none"));

        await Button("Settings").ClickAsync();
        await Page.GetByLabel("Seed").FillAsync("8");
        await Page.Keyboard.PressAsync("Escape");
        await AskAndWaitAsync("Unchanged");
        Assert.That(Server.Requests[2].GetProperty("seed").GetInt32(), Is.EqualTo(7));

        double Number(string name) => request.GetProperty(name).GetDouble();
    }

    [TestCase("Temperature", "3")]
    [TestCase("Top p", "0")]
    [TestCase("Most tokens of an answer", "1.5")]
    [TestCase("Seed", "-1")]
    public async Task A_setting_out_of_its_range_is_refused_with_the_reason(string label, string value)
    {
        await Button("Settings").ClickAsync();
        var field = Page.GetByLabel(label);
        await field.FillAsync(value);
        await Button("Save").ClickAsync();
        await Expect(field).ToBeFocusedAsync();
        await Expect(field).ToHaveAttributeAsync("aria-invalid", "true");
        await Expect(Page.Locator($"#{await field.GetAttributeAsync("aria-describedby")}")).Not.ToBeEmptyAsync();
        await field.FillAsync("1");
        await Button("Save").ClickAsync();
        await Expect(field).ToBeHiddenAsync();
    }

    [Test]
    public async Task Of_several_models_the_reader_chooses()
    {
        Server.Models = ["small", "large"];
        Answers("Yes.");
        await Page.ReloadAsync();
        await Page.GetByLabel("Model").SelectOptionAsync("large");
        await Page.ReloadAsync();
        await AskAndWaitAsync("Hello");
        Assert.That(Server.Requests[0].GetProperty("model").GetString(), Is.EqualTo("large"));
    }

    [Test]
    public async Task Answers_and_code_are_copied_as_they_were_written()
    {
        const string Text = "Use **this**:\n\n```csharp\nvar x = 1 < 2;\n```\n";
        await Page.Context.GrantPermissionsAsync(["clipboard-read", "clipboard-write"]);
        Answers(Text);
        await AskAndWaitAsync("Code?");
        await Button("Copy code").ClickAsync();
        await Expect(Button("Copied")).ToBeVisibleAsync();
        Assert.That(await ClipboardAsync(), Is.EqualTo("var x = 1 < 2;"));
        await Button("Copy answer").ClickAsync();
        Assert.That(await ClipboardAsync(), Is.EqualTo(Text));

        // As in a page that comes unencrypted from another machine.
        await Page.EvaluateAsync("() => Object.defineProperty(navigator, 'clipboard', { value: undefined })");
        await Button("Copy question").FocusAsync();
        await Page.Keyboard.PressAsync("Enter");
        await Expect(Button("Copied").First).ToBeFocusedAsync();
        await Question.PressAsync("Control+V");
        await Expect(Question).ToHaveValueAsync("Code?");

        Task<string> ClipboardAsync() => Page.EvaluateAsync<string>("() => navigator.clipboard.readText()");
    }
}
