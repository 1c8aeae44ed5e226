using System.Diagnostics.CodeAnalysis;
using DeepSeekEngine;

namespace Chat;

/// <summary>What the command line asks for.</summary>
internal sealed record ChatArguments
{
    public const string Usage = """
        chat [--model DIRECTORY] [--device auto|cuda|opencl|cpu] [--context TOKENS]
             [--weights asstored|int8|int4] [QUESTION]
          Without --model: the sample model that comes with the program, which does arithmetic.
          Without QUESTION: an example, then questions from the keyboard or from standard input, one a line.
        """;

    public string Directory { get; private init; } = Path.Combine(AppContext.BaseDirectory, "tiny-r1");

    public EngineOptions Engine { get; private init; } = new();

    /// <summary>The one question to answer; null to converse.</summary>
    public string? Question { get; private init; }

    public static bool TryParse(string[] args, [NotNullWhen(true)] out ChatArguments? arguments, [NotNullWhen(false)] out string? problem)
    {
        arguments = new ChatArguments();
        problem = null;
        for (var i = 0; i < args.Length; i++)
        {
            var isLast = i + 1 == args.Length;
            switch (args[i])
            {
                case "--model" when !isLast:
                    arguments = arguments with { Directory = args[++i] };
                    break;
                case "--device" when !isLast && Enum.TryParse<Device>(args[i + 1], ignoreCase: true, out var device):
                    arguments = arguments with { Engine = arguments.Engine with { Device = device } };
                    i++;
                    break;
                case "--weights" when !isLast && Enum.TryParse<WeightFormat>(args[i + 1], ignoreCase: true, out var weights):
                    arguments = arguments with { Engine = arguments.Engine with { Weights = weights } };
                    i++;
                    break;
                case "--context" when !isLast && int.TryParse(args[i + 1], out var tokens) && tokens >= 2:
                    arguments = arguments with { Engine = arguments.Engine with { ContextLength = tokens } };
                    i++;
                    break;
                case var question when isLast && !question.StartsWith("--", StringComparison.Ordinal):
                    arguments = arguments with { Question = question };
                    break;
                default:
                    problem = $"Not understood: {string.Join(' ', args[i..])}";
                    arguments = null;
                    return false;
            }
        }

        return true;
    }
}
