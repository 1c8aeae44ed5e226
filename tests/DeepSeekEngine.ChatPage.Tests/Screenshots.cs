using DeepSeekEngine.Testing;
using Microsoft.Playwright;
using NUnit.Framework;

namespace DeepSeekEngine.ChatPage.Tests;

/// <summary>The pictures of the documentation, taken anew: <c>dotnet test tests/DeepSeekEngine.ChatPage.Tests --filter Name~pictures</c>.</summary>
[Explicit("Writes into docs/images.")]
[NonParallelizable]
internal sealed class Screenshots : PageTest
{
    protected override BrowserNewContextOptions Profile => new() { ViewportSize = new() { Width = 1200, Height = 860 }, ReducedMotion = ReducedMotion.Reduce };

    [Test]
    public async Task The_pictures_of_the_page()
    {
        Server.Models = ["DeepSeek-R1-Distill-Qwen-1.5B"];
        await Page.ReloadAsync();
        foreach (var question in (string[])["Plan a week of simple dinners", "Why is the sky dark at night?", "Prove that there are infinitely many primes"])
        {
            Server.Script.Clear();
            Answers("Gladly.");
            await Button("New chat").ClickAsync();
            await AskAndWaitAsync(question);
        }

        Server.Script.Clear();
        Answers(async reply =>
        {
            await reply.ReasonAsync(Samples.Reasoning);
            await Task.Delay(2_000, reply.Gone);
            await reply.SayAsync(Samples.Answer);
            await reply.FinishAsync(prompt: 29, completion: 612, reasoning: 214);
        });
        await Button("New chat").ClickAsync();
        await AskAndWaitAsync(Samples.Question);
        await Thinking.Locator("summary").ClickAsync();
        await ToTopAsync();
        await TakeAsync("light");
        await Button("Switch between light and dark").ClickAsync();
        await Thinking.Locator("summary").ClickAsync();
        await ToTopAsync();
        await TakeAsync("dark");
        await Page.SetViewportSizeAsync(390, 780);
        await TakeAsync("phone");
    }

    private Task ToTopAsync() => Page.Locator("#scroller").EvaluateAsync("scroller => scroller.scrollTop = 0");

    private async Task TakeAsync(string name)
    {
        await Page.Mouse.MoveAsync(0, 0);
        await Page.ScreenshotAsync(new() { Path = Path.Combine(TestPaths.RepositoryRoot, "docs", "images", $"chat-page-{name}.png") });
    }
}
