using Microsoft.Playwright;
using NUnit.Framework;

namespace DeepSeekEngine.ChatPage.Tests;

/// <summary>The one browser all tests share; each has a context, which is a profile of its own.</summary>
[SetUpFixture]
internal sealed class Chromium
{
    private static readonly string[] Names = ["chromium-headless-shell", "chromium"];
    private static IPlaywright? _playwright;
    private static IBrowser? _browser;

    /// <summary>A fresh profile. Where there is no browser, fails a continuous-integration run and tells any other why its test is skipped.</summary>
    public static Task<IBrowserContext> NewContextAsync(BrowserNewContextOptions options)
    {
        const string Missing = "There is no Chromium: install one, such as Debian's package chromium-headless-shell.";
        if (_browser is null)
        {
            if (Environment.GetEnvironmentVariable("CI") == "true")
            {
                Assert.Fail(Missing);
            }

            Assert.Ignore(Missing);
        }

        return _browser!.NewContextAsync(options);
    }

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .SelectMany(directory => Names.Select(name => Path.Combine(directory, name)))
            .FirstOrDefault(File.Exists);
        if (path is null)
        {
            return;
        }

        _playwright = await Playwright.CreateAsync();
        // A container's root has no sandbox, and what is rendered is the tests' own.
        _browser = await _playwright.Chromium.LaunchAsync(new() { ExecutablePath = path, Args = ["--no-sandbox"] });
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_browser is not null)
        {
            await _browser.CloseAsync();
        }

        _playwright?.Dispose();
    }
}
