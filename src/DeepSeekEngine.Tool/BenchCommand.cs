using System.CommandLine;
using Spectre.Console;

namespace DeepSeekEngine.Tool;

/// <summary>Times a checkpoint: prompts of random tokens, each different so that none is remembered, one at a time.</summary>
internal static class BenchCommand
{
    private const int DefaultPrompt = 512;
    private const int DefaultTokens = 64;
    private const int DefaultRuns = 3;

    public static Command Create(Terminal terminal)
    {
        var model = new ModelArguments();
        var prompt = ModelArguments.Number("--prompt", 1, $"Tokens of a prompt (default: {DefaultPrompt}).");
        var tokens = ModelArguments.Number("--tokens", 2, $"Tokens decoded after it (default: {DefaultTokens}).");
        var runs = ModelArguments.Number("--runs", 1, $"How often (default: {DefaultRuns}).");
        var command = new Command("bench", "Times a checkpoint: tokens a second of prefill and decoding.");
        model.AddTo(command);
        command.Add(prompt);
        command.Add(tokens);
        command.Add(runs);
        command.SetAction(async (parsed, _) =>
        {
            await using var loaded = await model.LoadAsync(parsed, terminal);
            var usages = await terminal.CancellableAsync(cancellation => MeasureAsync(
                loaded, parsed.GetValue(prompt) ?? DefaultPrompt, parsed.GetValue(tokens) ?? DefaultTokens, parsed.GetValue(runs) ?? DefaultRuns,
                cancellation));
            Report(usages, terminal);
        });
        return command;
    }

    private static async Task<List<Usage>> MeasureAsync(DeepSeekModel model, int prompt, int tokens, int runs, CancellationToken cancellation)
    {
        if (prompt + tokens > model.Info.ContextLength)
        {
            throw new ArgumentException(
                $"{prompt} + {tokens} tokens are more than the context of {model.Info.ContextLength}; give a larger --context, or fewer tokens.");
        }

        var random = new Random(1);
        var options = new GenerationOptions { MaxTokens = tokens, Temperature = 0 };

        // The first run compiles, and reads weights from the disk; it does not count.
        await RunAsync();
        var usages = new List<Usage>();
        for (var run = 0; run < runs; run++)
        {
            usages.Add(await RunAsync());
        }

        return usages;

        async Task<Usage> RunAsync()
        {
            var text = Enumerable.Range(0, prompt).Select(_ => random.Next(model.Loaded.Tokenizer.VocabSize)).ToArray();
            return (await model.GenerateAsync(RawPrompt.FromTokens(text), options, cancellation)).Usage;
        }
    }

    private static void Report(List<Usage> usages, Terminal terminal)
    {
        var prefill = usages.Select(usage => usage.PromptTokens / usage.TimeToFirstToken.TotalSeconds).ToList();

        // The model may end its response early; a run of a single token has no decoding to time.
        var decode = usages.Where(usage => usage.CompletionTokens > 1).Select(usage => usage.TokensPerSecond).ToList();
        var table = Styles.Table("tokens/s", "median", "least", "most");
        Row($"prefill of {Units.Number((long)usages[0].PromptTokens)}", prefill);
        Row("decode", decode);
        terminal.Output.Write(table);
        terminal.WriteLine(
            $"{Units.Number((long)usages.Count)} runs, {Units.Number(usages.Sum(usage => (long)usage.CompletionTokens))} tokens decoded"
            + (usages.Sum(usage => usage.DraftedTokens) is > 0 and var drafted
                ? $", {100.0 * usages.Sum(usage => usage.AcceptedTokens) / drafted:N0} % of {drafted} drafts accepted"
                : ""));

        void Row(string name, List<double> rates) => table.AddRow(
            name, Rate(rates, values => values[values.Count / 2]), Rate(rates, values => values[0]), Rate(rates, values => values[^1]));
    }

    private static string Rate(List<double> rates, Func<List<double>, double> pick)
        => rates.Count == 0 ? "ended at once" : Units.Number(pick([.. rates.Order()]));
}
