using Microsoft.Playwright;
using NUnit.Framework;
using static Microsoft.Playwright.Assertions;

namespace DeepSeekEngine.ChatPage.Tests;

internal sealed class AppearanceTests : PageTest
{
    [Test]
    public async Task The_theme_is_the_systems_until_the_reader_chooses_one()
    {
        var light = await BackgroundAsync();
        await Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
        var dark = await BackgroundAsync();
        Assert.That(dark, Is.Not.EqualTo(light));
        await Button("Switch between light and dark").ClickAsync();
        Assert.That(await BackgroundAsync(), Is.EqualTo(light));
        await Page.ReloadAsync();
        Assert.That(await BackgroundAsync(), Is.EqualTo(light));
        await Button("Switch between light and dark").ClickAsync();
        Assert.That(await BackgroundAsync(), Is.EqualTo(dark));
    }

    [TestCase(320, 568)]
    [TestCase(390, 844)]
    [TestCase(844, 390)]
    public async Task A_phone_scrolls_in_one_direction_alone(int width, int height)
    {
        await Page.SetViewportSizeAsync(width, height);
        var wide = $"{Word('x')} https://example.org/{Word('y')}\n\n\\[{string.Concat(Enumerable.Repeat("a + ", 100))}b\\]\n\n| {Word('z')} | b |\n|---|---|\n| 1 | 2 |";
        Answers($"{Samples.Answer}\n\n{wide}", Samples.Reasoning);
        await AskAndWaitAsync($"{Samples.Question} {Word('q')}");
        await Thinking.Locator("summary").ClickAsync();
        await Expect(Thinking).ToContainTextAsync("Let me check it");
        var overflow = await Page.EvaluateAsync<string[]>("""
            () => [...document.querySelectorAll('html, body, main, #scroller, .message, .prose, .dock')]
              .filter(element => element.scrollWidth > element.clientWidth || element.getBoundingClientRect().right > innerWidth)
              .map(element => element.className || element.localName)
            """);
        Assert.That(overflow, Is.Empty);
        await Expect(Question).ToBeInViewportAsync(new() { Ratio = 1 });
        var send = (await Button("Send").BoundingBoxAsync())!;
        Assert.That(send.X + send.Width, Is.LessThanOrEqualTo(width));

        static string Word(char letter) => new(letter, 300);
    }

    [Test]
    public async Task On_a_phone_the_chats_are_in_a_drawer()
    {
        await Page.SetViewportSizeAsync(390, 844);
        Answers("Yes.");
        await AskAndWaitAsync("Hello");
        await Expect(Button("New chat")).Not.ToBeInViewportAsync();
        await Button("Chats and settings").ClickAsync();
        await Expect(Button("Close the list of chats")).ToBeFocusedAsync();
        await Page.Keyboard.PressAsync("Escape");
        await Expect(Button("Chats and settings")).ToBeFocusedAsync();
        await Button("Chats and settings").ClickAsync();
        await Button("New chat").ClickAsync();
        await Expect(Page.Locator(".message")).ToHaveCountAsync(0);
        await Expect(Question).ToBeFocusedAsync();
        await Expect(Page.Locator("#sidebar")).Not.ToBeInViewportAsync();
    }

    [Test]
    public async Task A_question_that_is_long_makes_room_for_itself()
    {
        var before = (await Question.BoundingBoxAsync())!.Height;
        await Question.FillAsync(string.Join('\n', Enumerable.Range(0, 5)));
        Assert.That((await Question.BoundingBoxAsync())!.Height, Is.GreaterThan(3 * before));
    }

    private Task<string> BackgroundAsync() => Page.EvaluateAsync<string>("() => getComputedStyle(document.body).backgroundColor");
}
