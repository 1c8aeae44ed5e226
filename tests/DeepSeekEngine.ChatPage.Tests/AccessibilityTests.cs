using Microsoft.Playwright;
using NUnit.Framework;
using static Microsoft.Playwright.Assertions;

namespace DeepSeekEngine.ChatPage.Tests;

[TestFixture(ColorScheme.Light)]
[TestFixture(ColorScheme.Dark)]
internal sealed class AccessibilityTests(ColorScheme theme) : PageTest
{
    protected override BrowserNewContextOptions Profile => new() { ColorScheme = theme, ReducedMotion = ReducedMotion.Reduce };

    [Test]
    public async Task No_rule_of_axe_is_broken()
    {
        await CheckAsync("an empty chat");
        var steps = new SemaphoreSlim(0);
        Answers(async reply =>
        {
            await steps.WaitAsync(reply.Gone);
            await reply.ReasonAsync(Samples.Reasoning);
            await steps.WaitAsync(reply.Gone);
            await reply.SayAsync(Samples.Answer);
            await reply.FinishAsync();
        });
        Answers(reply => reply.RefuseAsync(500, "The model is not well."));
        await AskAsync(Samples.Question);
        await Expect(Page.GetByText("Waiting for the model…")).ToBeVisibleAsync();
        await CheckAsync("while waiting");
        steps.Release();
        await Expect(Thinking).ToContainTextAsync("Let me check it");
        await CheckAsync("while thinking");
        steps.Release();
        await Expect(Page.Locator(".figures")).ToBeVisibleAsync();
        await Thinking.Locator("summary").ClickAsync();
        await Expect(Thinking).ToContainTextAsync("Let me check it");
        await CheckAsync("an answer");
        await AskAsync("And then?");
        await Expect(Page.Locator(".error:visible")).ToBeVisibleAsync();
        await Button("Edit question").Last.ClickAsync();
        await CheckAsync("an error and an editor");
        await Page.Keyboard.PressAsync("Escape");

        await Button("Settings").ClickAsync();
        await Page.GetByLabel("Temperature").FillAsync("9");
        await Button("Save").ClickAsync();
        await CheckAsync("settings");
        await Page.Keyboard.PressAsync("Escape");
        await Page.Locator("#chats .icon-button").First.ClickAsync();
        await CheckAsync("a deletion");
        await Page.Keyboard.PressAsync("Escape");
        await Page.SetViewportSizeAsync(390, 844);
        await CheckAsync("a phone");
        await Button("Chats and settings").ClickAsync();
        await CheckAsync("a phone's list of chats");
    }

    private async Task CheckAsync(string what)
    {
        await using var stream = typeof(AccessibilityTests).Assembly.GetManifestResourceStream("axe.min.js")!;
        using var reader = new StreamReader(stream);
        await Page.EvaluateAsync(await reader.ReadToEndAsync());
        var violations = await Page.EvaluateAsync<string[]>("""
            async () => (await axe.run()).violations
              .map(violation => `${violation.impact} ${violation.id}: ${violation.nodes.slice(0, 3).map(node => `${node.html} ${node.failureSummary}`).join(' ; ')}`)
            """);
        Assert.That(violations, Is.Empty, what);
    }
}
