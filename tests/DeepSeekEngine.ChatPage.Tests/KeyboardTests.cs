using System.Text.RegularExpressions;
using Microsoft.Playwright;
using NUnit.Framework;
using static Microsoft.Playwright.Assertions;

namespace DeepSeekEngine.ChatPage.Tests;

internal sealed class KeyboardTests : PageTest
{
    [Test]
    public async Task Everything_is_done_without_a_pointer()
    {
        Answers("First.", reasoning: "Hm.");
        Answers("Second.");
        Answers("Third.");
        await Expect(Question).ToBeFocusedAsync();
        await Page.Keyboard.TypeAsync("One");
        await Page.Keyboard.PressAsync("Shift+Enter");
        await Page.Keyboard.TypeAsync("two");
        await Page.Keyboard.PressAsync("Enter");
        await Expect(Answer).ToHaveTextAsync("First.");
        Assert.That(StreamTests.Roles(Server.Requests[0]), Is.EqualTo("user: One\ntwo"));
        await Expect(Question).ToBeFocusedAsync();

        await TabToAsync("Answer again", backwards: true);
        await Page.Keyboard.PressAsync("Enter");
        await Expect(Answer).ToHaveTextAsync("Second.");
        await Expect(Question).ToBeFocusedAsync();

        await TabToAsync("Edit question", backwards: true);
        await Page.Keyboard.PressAsync("Enter");
        await Page.Keyboard.PressAsync("Control+A");
        await Page.Keyboard.TypeAsync("Changed");
        await Page.Keyboard.PressAsync("Enter");
        await Expect(Answer).ToHaveTextAsync("Third.");

        await TabToAsync("Settings", backwards: true);
        await Page.Keyboard.PressAsync("Enter");
        await Expect(Page.GetByLabel("System prompt")).ToBeFocusedAsync();
        await Page.Keyboard.TypeAsync("Brief.");
        await TabToAsync("Save");
        await Page.Keyboard.PressAsync("Enter");
        await Expect(Button("Settings")).ToBeFocusedAsync();

        await TabToAsync("New chat", backwards: true);
        await Page.Keyboard.PressAsync("Enter");
        await Expect(Page.Locator(".message")).ToHaveCountAsync(0);
        await Expect(Question).ToBeFocusedAsync();
    }

    [Test]
    public async Task What_has_the_focus_is_seen_to_have_it()
    {
        Answers("```csharp\nvar x = 1;\n```\n\n| a |\n|---|\n| 1 |", reasoning: "Hm.");
        await AskAndWaitAsync("Go on");
        await TabToAsync("Skip to the question", backwards: true);
        var seen = new HashSet<string>();
        for (var (name, outline) = await FocusAsync(); name.Length > 0 && seen.Add(name); (name, outline) = await FocusAsync())
        {
            Assert.That(outline, Does.Match("^[1-9]"), name);
            await Page.Keyboard.PressAsync("Tab");
        }

        Assert.That(seen, Is.SupersetOf((string[])["Skip to the question", "New chat", "Settings", "Copy code", "Copy answer", "Your question"]));
    }

    [Test]
    public async Task The_first_stop_leads_past_everything_to_the_question()
    {
        await TabToAsync("Skip to the question", backwards: true);
        await Expect(Page.GetByText("Skip to the question")).ToBeFocusedAsync();
        await Expect(Page.GetByText("Skip to the question")).ToBeInViewportAsync();
        await Page.Keyboard.PressAsync("Enter");
        await Expect(Question).ToBeFocusedAsync();
    }

    [Test]
    public async Task An_answer_is_announced_in_sentences_and_at_its_end()
    {
        await Page.Clock.InstallAsync();
        var status = Page.GetByRole(AriaRole.Status);
        var steps = new SemaphoreSlim(0);
        Answers(async reply =>
        {
            await reply.SayAsync("It is **four**. And ");
            await steps.WaitAsync(reply.Gone);
            await reply.SayAsync("so");
            await steps.WaitAsync(reply.Gone);
            await reply.SayAsync(" on.");
            await reply.FinishAsync();
        });
        await AskAsync("2 + 2?");
        await Expect(Answer).ToHaveTextAsync("It is four. And");
        await Expect(status).ToHaveTextAsync("Answering.");
        await Page.Clock.FastForwardAsync(5_000);
        steps.Release();
        await Expect(status).ToHaveTextAsync("It is four .");
        steps.Release();
        await Expect(status).ToHaveTextAsync("And so on. End of the answer.");
        Assert.That(await Page.Locator("[aria-live]:not([role=status])").CountAsync(), Is.Zero);
    }

    private async Task TabToAsync(string name, bool backwards = false)
    {
        for (var press = 0; press < 40; press++)
        {
            await Page.Keyboard.PressAsync(backwards ? "Shift+Tab" : "Tab");
            if ((await FocusAsync()).Name == name)
            {
                return;
            }
        }

        Assert.Fail($"The Tab key does not lead to {name}.");
    }

    // The name of what has the focus, and the width of the outline of it or of what it is part of.
    private async Task<(string Name, string Outline)> FocusAsync()
    {
        var found = await Page.EvaluateAsync<string[]>("""
            () => {
              const element = document.activeElement;
              if (element === null || element === document.body) {
                return ['', ''];
              }
              const outlined = [element, element.closest('#composer')].filter(part => part !== null).map(part => getComputedStyle(part))
                .find(style => style.outlineStyle !== 'none' && style.outlineWidth !== '0px');
              return [element.getAttribute('aria-label') ?? element.textContent.trim(), outlined?.outlineWidth ?? 'none'];
            }
            """);
        return (Regex.Replace(found[0], @"\s+", " "), found[1]);
    }
}
