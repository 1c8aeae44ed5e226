using System.Collections.Concurrent;
using Microsoft.Playwright;
using NUnit.Framework;
using static Microsoft.Playwright.Assertions;

namespace DeepSeekEngine.ChatPage.Tests;

/// <summary>
/// A test with a server, a browser profile and the page in it. Whatever a test does, the page may throw nothing, break no policy, open no
/// dialog or window and ask no other server for anything.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal abstract class PageTest
{
    private readonly ConcurrentQueue<string> _wrong = [];

    protected FakeServer Server { get; private set; } = null!;

    protected IPage Page { get; private set; } = null!;

    protected ILocator Question => Page.GetByLabel("Your question", new() { Exact = true });

    protected ILocator Answer => Page.Locator(".answer").Last;

    protected ILocator Thinking => Page.Locator(".thinking").Last;

    protected ILocator Stop => Button("Stop the answer");

    protected virtual BrowserNewContextOptions Profile => new();

    [SetUp]
    public async Task OpenAsync()
    {
        SetDefaultExpectTimeout(20_000);
        Server = await FakeServer.StartAsync();
        var context = await Chromium.NewContextAsync(Profile);
        context.SetDefaultTimeout(20_000);
        await context.AddInitScriptAsync(
            "addEventListener('securitypolicyviolation', event => console.error('policy: ' + event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample));");
        Page = await context.NewPageAsync();
        Watch(Page);
        await Page.GotoAsync(Server.Address.AbsoluteUri);
    }

    [TearDown]
    public async Task CloseAsync()
    {
        if (Page is not null)
        {
            var marked = await Page.EvaluateAsync<bool>("() => 'hacked' in window || 'hacked' in Object.prototype");
            await Page.Context.CloseAsync();
            Assert.Multiple(() =>
            {
                Assert.That(marked, Is.False, "a model's output was executed");
                Assert.That(_wrong, Is.Empty);
            });
        }

        if (Server is not null)
        {
            await Server.DisposeAsync();
        }
    }

    protected void Answers(Func<Reply, Task> answer) => Server.Script.Enqueue(answer);

    /// <summary>An answer that is said at once, after some reasoning if there is any.</summary>
    protected void Answers(string text, string? reasoning = null) => Answers(async reply =>
    {
        if (reasoning is not null)
        {
            await reply.ReasonAsync(reasoning);
        }

        await reply.SayAsync(text);
        await reply.FinishAsync();
    });

    /// <summary>An answer that begins and never ends.</summary>
    /// <returns>Completed when its reader has gone.</returns>
    protected Task AnswersWithoutEnd(string beginning)
    {
        var gone = new TaskCompletionSource();
        Answers(async reply =>
        {
            await reply.SayAsync(beginning);
            await using (reply.Gone.Register(gone.SetResult))
            {
                await Task.Delay(Timeout.Infinite, reply.Gone);
            }
        });
        return gone.Task;
    }

    protected async Task AskAsync(string text)
    {
        await Question.FillAsync(text);
        await Question.PressAsync("Enter");
    }

    /// <summary>Asks, and waits until the answer is there.</summary>
    protected async Task AskAndWaitAsync(string text)
    {
        var answers = await Page.Locator(".footer:visible").CountAsync();
        await AskAsync(text);
        await Expect(Page.Locator(".footer:visible")).ToHaveCountAsync(answers + 1);
        await Expect(Page.Locator("[aria-busy=true]:visible")).ToHaveCountAsync(0);
    }

    protected ILocator Button(string name) => Page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });

    private void Watch(IPage page)
    {
        page.PageError += (_, error) => _wrong.Enqueue(error);
        page.Dialog += (_, dialog) => _wrong.Enqueue($"dialog {dialog.Message}");
        page.Popup += (_, popup) => _wrong.Enqueue($"opened {popup.Url}");
        page.Download += (_, download) => _wrong.Enqueue($"download {download.Url}");
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(Server.Address.AbsoluteUri, StringComparison.Ordinal))
            {
                _wrong.Enqueue($"asked for {request.Url}");
            }
        };
        page.Console += (_, message) =>
        {
            // The browser's own note that a request failed, which some tests want.
            if (message.Type == "error" && !message.Text.StartsWith("Failed to load resource", StringComparison.Ordinal))
            {
                _wrong.Enqueue(message.Text);
            }
        };
    }
}
