using System.Text.Json;
using System.Text.RegularExpressions;
using NUnit.Framework;
using static Microsoft.Playwright.Assertions;

namespace DeepSeekEngine.ChatPage.Tests;

internal sealed class StreamTests : PageTest
{
    [Test]
    public async Task An_answer_is_shown_as_it_comes_however_slowly()
    {
        var steps = new SemaphoreSlim(0);
        Answers(async reply =>
        {
            await steps.WaitAsync(reply.Gone);
            await reply.SayAsync("One **bold");
            await steps.WaitAsync(reply.Gone);
            await reply.SayAsync("** word.\n\nAnd ");
            await steps.WaitAsync(reply.Gone);
            await reply.SayAsync("more.");
            await reply.FinishAsync();
        });
        await AskAsync("Go on");
        await Expect(Page.GetByText("Waiting for the model…")).ToBeVisibleAsync();
        await Expect(Stop).ToBeVisibleAsync();
        steps.Release();
        await Expect(Answer).ToHaveTextAsync("One **bold");
        await Expect(Page.GetByText("Waiting for the model…")).ToBeHiddenAsync();
        steps.Release();
        await Expect(Answer.Locator("strong")).ToHaveTextAsync("bold");
        await Expect(Answer.Locator("p")).ToHaveTextAsync(["One bold word.", "And"]);
        await Expect(Stop).ToBeVisibleAsync();
        steps.Release();
        await Expect(Answer.Locator("p")).ToHaveTextAsync(["One bold word.", "And more."]);
        await Expect(Button("Send")).ToBeVisibleAsync();
        await Expect(Stop).ToBeHiddenAsync();
    }

    [Test]
    public async Task What_is_drawn_already_stays_the_same_element()
    {
        var steps = new SemaphoreSlim(0);
        Answers(async reply =>
        {
            await reply.SayAsync("First.\n\n- a\n- b\n\nSecond,");
            await steps.WaitAsync(reply.Gone);
            await reply.SayAsync(" longer.\n\n1. x\n\n2");
            await steps.WaitAsync(reply.Gone);
            await reply.SayAsync(". y\n\n```\ncode\n");
            await reply.FinishAsync();
        });
        await AskAsync("Go on");
        await Expect(Answer.Locator("p").Last).ToHaveTextAsync("Second,");
        await Page.EvaluateAsync("() => document.querySelectorAll('.answer > *').forEach((element, index) => element.mark = index)");
        steps.Release();
        await Expect(Answer.GetByText("Second, longer.")).ToBeVisibleAsync();
        steps.Release();
        await Expect(Answer.Locator("pre")).ToHaveTextAsync("code\n");
        Assert.That(
            await Page.EvaluateAsync<string>("() => [...document.querySelectorAll('.answer > *')].map(element => element.tagName + (element.mark ?? '')).join(' ')"),
            Is.EqualTo("P0 UL1 P2 OL DIV"));
        await Expect(Answer.Locator("ol > li")).ToHaveTextAsync(["x", "y"]);
    }

    [Test]
    public async Task A_stream_cut_anywhere_gives_what_the_whole_gives()
    {
        const string Text = """
            # Title

            Some *text* with `code`, \(a_1 * b_1 * c\) and a [link](https://example.org).
            \[
            x = \frac{1}{2}

            \]
            - one
              - inner

              more
            - two

            | a | b |
            |---|--:|
            | 1 | 2 |

            ```python
            def f():

                return "x"
            ```
            > quoted
            > $$y^2$$

            Setext
            ---
            End 💡.
            """;
        Answers(Text);
        Answers(async reply =>
        {
            for (var index = 0; index < Text.Length; index++)
            {
                await reply.SayAsync(Text[index..(index + (char.IsHighSurrogate(Text[index]) ? 2 : 1))]);
                index += char.IsHighSurrogate(Text[index]) ? 1 : 0;
                await Task.Delay(2, reply.Gone);
            }

            await reply.FinishAsync();
        });
        await AskAndWaitAsync("At once");
        var whole = await Answer.InnerHTMLAsync();
        await AskAndWaitAsync("In pieces");
        Assert.That(whole, Does.Contain("<h1>Title</h1>").And.Contain("mfrac").And.Contain("hljs-keyword").And.Contain("<h2>Setext</h2>"));
        Assert.That(WithoutBlank(await Answer.InnerHTMLAsync()), Is.EqualTo(WithoutBlank(whole)));
    }

    [Test]
    public async Task Thinking_is_open_while_it_lasts_and_folded_when_the_answer_begins()
    {
        await Page.Clock.InstallAsync();
        var steps = new SemaphoreSlim(0);
        Answers(async reply =>
        {
            await reply.ReasonAsync("Let me see: ");
            await steps.WaitAsync(reply.Gone);
            await reply.ReasonAsync("done.");
            await reply.SayAsync("\n\n");
            await reply.SayAsync("It is");
            await steps.WaitAsync(reply.Gone);
            await reply.SayAsync(" 4.");
            await reply.FinishAsync();
        });
        await AskAsync("2 + 2?");
        await Expect(Thinking).ToHaveAttributeAsync("open", "");
        await Expect(Thinking).ToContainTextAsync("Let me see:");
        await Page.Clock.FastForwardAsync(12_000);
        await Expect(Thinking.Locator("summary")).ToHaveTextAsync(new Regex("^Thinking… 1[2-9] s$"));
        steps.Release();
        await Expect(Answer).ToHaveTextAsync("It is");
        await Page.Clock.FastForwardAsync(60_000);
        steps.Release();
        await Expect(Answer).ToHaveTextAsync("It is 4.");
        await Expect(Thinking.Locator("summary")).ToHaveTextAsync(new Regex("^Thought for (1[2-9]|2.) s$"));
        await Expect(Thinking).Not.ToHaveAttributeAsync("open", "");
        await Thinking.Locator("summary").ClickAsync();
        await Expect(Thinking.GetByText("Let me see: done.")).ToBeVisibleAsync();
    }

    [Test]
    public async Task Thinking_that_the_reader_opened_stays_open()
    {
        var steps = new SemaphoreSlim(0);
        Answers(async reply =>
        {
            await reply.ReasonAsync("Hm.");
            await steps.WaitAsync(reply.Gone);
            await reply.SayAsync("Yes.");
            await reply.FinishAsync();
        });
        await AskAsync("Well?");
        await Thinking.Locator("summary").ClickAsync();
        await Expect(Thinking).Not.ToHaveAttributeAsync("open", "");
        await Thinking.Locator("summary").ClickAsync();
        steps.Release();
        await Expect(Answer).ToHaveTextAsync("Yes.");
        await Expect(Thinking).ToHaveAttributeAsync("open", "");
    }

    [Test]
    public async Task Stopping_ends_the_request_and_keeps_what_came([Values("click", "Escape")] string how)
    {
        var gone = AnswersWithoutEnd("The beginning");
        Answers("The second.");
        await AskAsync("Go on");
        await Expect(Answer).ToHaveTextAsync("The beginning");
        if (how == "click")
        {
            await Stop.ClickAsync();
        }
        else
        {
            await Question.PressAsync("Escape");
        }

        await gone.WaitAsync(TimeSpan.FromSeconds(20));
        await Expect(Page.GetByText("Stopped.")).ToBeVisibleAsync();
        await Expect(Answer).ToHaveTextAsync("The beginning");
        await Expect(Question).ToBeFocusedAsync();
        await AskAndWaitAsync("And now?");
        await Expect(Answer).ToHaveTextAsync("The second.");
        Assert.That(Roles(Server.Requests[1]), Is.EqualTo("user: Go on | assistant: The beginning | user: And now?"));
    }

    [Test]
    public async Task Figures_say_what_an_answer_took()
    {
        await Page.Clock.InstallAsync();
        var steps = new SemaphoreSlim(0);
        Answers(async reply =>
        {
            await reply.SayAsync("a");
            await steps.WaitAsync(reply.Gone);
            await reply.SayAsync("b");
            await reply.FinishAsync(prompt: 1234, completion: 101, reasoning: 40);
        });
        await AskAsync("Go on");
        await Expect(Answer).ToHaveTextAsync("a");
        await Page.Clock.FastForwardAsync(100_000);
        steps.Release();
        await Expect(Answer).ToHaveTextAsync("ab");
        await Expect(Page.Locator(".figures")).ToHaveTextAsync(
            new Regex(@"^101 tokens · 40 of them thinking · (1\.0|0\.[89]) tokens/s · first after \d+\.\d\d s · 1,234 in the prompt$"));
    }

    [Test]
    public async Task An_answer_that_reached_the_limit_says_so()
    {
        Answers(async reply =>
        {
            await reply.SayAsync("It goes");
            await reply.FinishAsync("length");
        });
        await AskAsync("Go on");
        await Expect(Page.GetByText("The answer reached the limit of tokens.")).ToBeVisibleAsync();
    }

    [Test]
    public async Task The_end_is_followed_until_the_reader_scrolls_away()
    {
        var steps = new SemaphoreSlim(0);
        Answers(async reply =>
        {
            for (var round = 0; round < 3; round++)
            {
                await reply.SayAsync(string.Concat(Enumerable.Range(0, 40).Select(line => $"Line {round}.{line}.\n\n")));
                await steps.WaitAsync(reply.Gone);
            }

            await reply.FinishAsync();
        });
        await AskAsync("Go on");
        await Expect(Page.GetByText("Line 0.39.")).ToBeInViewportAsync();
        steps.Release();
        await Expect(Page.GetByText("Line 1.39.")).ToBeInViewportAsync();
        await Page.GetByText("Line 1.39.").HoverAsync();
        await Page.Mouse.WheelAsync(0, -600);
        await Expect(Button("To the end")).ToBeVisibleAsync();
        steps.Release();
        await Expect(Page.GetByText("Line 2.39.")).ToBeAttachedAsync();
        await Expect(Page.GetByText("Line 2.39.")).Not.ToBeInViewportAsync();
        await Button("To the end").ClickAsync();
        await Expect(Page.GetByText("Line 2.39.")).ToBeInViewportAsync();
        await Expect(Button("To the end")).ToBeHiddenAsync();
        steps.Release();
        await Page.Locator("#scroller").EvaluateAsync("scroller => scroller.scrollTop = 0");
        await Expect(Button("To the end")).ToBeVisibleAsync();
        await Button("New chat").ClickAsync();
        await Expect(Button("To the end")).ToBeHiddenAsync();
    }

    [Test]
    public async Task Events_cut_within_a_character_and_with_other_line_ends_are_read()
    {
        Answers(async reply =>
        {
            await reply.WriteAsync(": comment\r\ndata:{\"choices\":[{\"delta\":\r\ndata: {\"content\":\"é");
            await Task.Delay(50, reply.Gone);
            await reply.WriteAsync("!\"}}]}\r\n\r\n");
            await reply.FinishAsync();
        });
        await AskAndWaitAsync("Go on");
        await Expect(Answer).ToHaveTextAsync("é!");
    }

    internal static string Roles(JsonElement request) => string.Join(" | ", request.GetProperty("messages").EnumerateArray()
        .Select(message => $"{message.GetProperty("role").GetString()}: {message.GetProperty("content").GetString()}"));

    private static string WithoutBlank(string html) => Regex.Replace(html, @">\s+<", "><");
}
