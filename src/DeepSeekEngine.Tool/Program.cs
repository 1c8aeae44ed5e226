using DeepSeekEngine;
using DeepSeekEngine.Tool;

using var cancellation = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    // Whoever is at work tidies up; the process ends when that is done.
    pressed.Cancel = true;
    cancellation.Cancel();
};
try
{
    switch (args)
    {
        case ["inspect", .. var rest] when InspectCommand.TryParse(rest) is { } inspect:
            inspect.Run(Console.Out);
            return 0;
        case ["pack", .. var rest] when PackCommand.TryParse(rest) is { } pack:
            await pack.RunAsync(Console.Out, cancellation.Token);
            return 0;
        default:
            Console.Error.WriteLine($"usage:\n{InspectCommand.Usage}\n{PackCommand.Usage}");
            return 2;
    }
}
catch (Exception exception) when (exception is DeepSeekException or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}
catch (OperationCanceledException)
{
    Console.Error.WriteLine("Cancelled; nothing was written.");
    return 1;
}
