using System.Text;
using DeepSeekEngine.Tool;

Console.OutputEncoding = Encoding.UTF8;
var terminal = Terminal.OfProcess();
Console.CancelKeyPress += (_, pressed) => pressed.Cancel = terminal.Interrupt();
return await CommandLine.RunAsync(args, terminal);
