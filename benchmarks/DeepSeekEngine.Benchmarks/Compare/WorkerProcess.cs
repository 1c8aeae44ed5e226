using System.Diagnostics;
using System.Globalization;
using DeepSeekEngine.Backends.Simd;
using DeepSeekEngine.Benchmarks.Models;
using DeepSeekEngine.Benchmarks.Synthetic;
using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Benchmarks.Compare;

/// <summary>
/// A model in a process of its own, so that neither engine's threads, pinning or memory touch the other's: this program again, which
/// reads <c>method number</c> a line and answers with the seconds it took.
/// </summary>
internal sealed class WorkerProcess : ITimedModel
{
    public const string Command = "worker";

    private readonly Process _process;

    /// <param name="options">What <see cref="Run"/> reads.</param>
    public WorkerProcess(params string[] options)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(WorkerProcess).Assembly.Location);
        }

        start.ArgumentList.Add(Command);
        foreach (var option in options)
        {
            start.ArgumentList.Add(option);
        }

        _process = Process.Start(start)!;
        ActiveBytes = Answer();
    }

    /// <summary>Bytes of weights one token reads; 0 where the engine does not say.</summary>
    public double ActiveBytes { get; }

    public static void Run(Options arguments)
    {
        var config = Shapes.Of(arguments.Text("shape", "mid9"), arguments.Number("layers", 0));
        var (threads, context, prompt) = (arguments.Number("threads", 0), arguments.Number("context", 512), arguments.Number("prompt", 512));
        var path = arguments.Value("gguf");
        using var backend = path is null ? SimdBackend.Fastest(threads) : null;
        using ITimedModel model = path is not null
            ? new LlamaModel(arguments.Text("llama", "."), path, config.VocabSize, context, threads)
            : new SyntheticModel(
                backend!, config, arguments.Names<WeightEncoding>("format", "BF16")[0], prompt, context,
                arguments.Text("pages", "huge") == "huge");
        Print((model as SyntheticModel)?.ActiveBytes ?? 0);
        while (Console.ReadLine()?.Split(' ') is [var method, var argument])
        {
            var number = int.Parse(argument, CultureInfo.InvariantCulture);
            switch (method)
            {
                case nameof(Prefill):
                    Print(model.Prefill(number));
                    break;
                case nameof(Decode):
                    Print(model.Decode(number));
                    break;
                default:
                    model.SetContext(number);
                    Print(0);
                    break;
            }
        }

        static void Print(double value) => Console.WriteLine(value.ToString("R", CultureInfo.InvariantCulture));
    }

    public void SetContext(int tokens) => Ask(nameof(SetContext), tokens);

    public double Prefill(int tokens) => Ask(nameof(Prefill), tokens);

    public double Decode(int tokens) => Ask(nameof(Decode), tokens);

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }

    private double Ask(string method, int number)
    {
        _process.StandardInput.WriteLine($"{method} {number}");
        _process.StandardInput.Flush();
        return Answer();
    }

    private double Answer()
        => _process.StandardOutput.ReadLine() is { } line
            ? double.Parse(line, CultureInfo.InvariantCulture)
            : throw new InvalidOperationException("The process with the model ended; what it said is above.");
}
