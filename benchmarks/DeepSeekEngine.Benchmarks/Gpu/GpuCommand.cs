using DeepSeekEngine.Benchmarks.Compare;
using DeepSeekEngine.Benchmarks.Fidelity;
using DeepSeekEngine.Benchmarks.Models;
using DeepSeekEngine.Benchmarks.Operations;
using DeepSeekEngine.Benchmarks.Products;

namespace DeepSeekEngine.Benchmarks.Gpu;

/// <summary>
/// All there is to measure on a GPU, one command after the other: <c>--device cuda --size full|smoke --parts
/// fidelity,ops,products,model,slice,transformers --results DIRECTORY</c>. The small size has the same steps at widths that ILGPU's CPU
/// accelerator computes in seconds, to see that they work. A part that fails does not end the others.
/// </summary>
internal static class GpuCommand
{
    private static readonly Dictionary<string, Action<Options>> Commands = new()
    {
        ["fidelity"] = FidelityCommand.Run,
        ["ops"] = OperationsCommand.Run,
        ["products"] = ProductsCommand.Run,
        ["model"] = ModelCommand.Run,
        ["slice"] = SliceCommand.Run,
        ["transformers"] = TransformersCommand.Run,
    };

    private static readonly string[] Full =
    [
        "fidelity",
        "fidelity --tensor-cores off",
        "ops --op decode --shape v2-lite --format BF16,F8E4M3,Int8,Int4 --context 128,8192,32768",
        "ops --op decode --shape r1 --format F8E4M3 --context 8192",
        "ops --op linear,experts --shape v2-lite --format BF16,F8E4M3,Int8,Int4 --tokens 1,4,16",
        "products --shape v2-lite,r1 --tokens 512,2048",
        "model --shape v2-lite --format BF16,F8E4M3,Int8,Int4 --context 0,8192,32768 --prompt 512 --decode 128 --rounds 5",
        "slice --shape r1 --format F8E4M3,Int4 --context 0,8192 --prompt 512 --decode 64",
        "transformers --shape v2-lite --context 0,8192,32768 --prompt 512 --decode 32",
    ];

    private static readonly string[] Smoke =
    [
        "fidelity --fixture v2lite-bf16 --checks absorbed --longest 3",
        "ops --op decode --shape tiny --format F8E4M3 --context 4 --weights 1 --probe 1 --rounds 1 --milliseconds 1",
        "products --shape tiny --tokens 3 --rounds 1 --calls 1",
        "model --shape tiny --format Int4 --context 4 --prompt 3 --decode 2 --rounds 1 --probe 1",
        "slice --shape tiny --format BF16 --context 0 --prompt 3 --decode 2 --rounds 1 --most 2",
        "transformers --shape tiny --context 0 --prompt 3 --decode 2 --rounds 1",
    ];

    /// <exception cref="ArgumentException">There is no such size or part.</exception>
    /// <exception cref="BenchmarkFailedException">A part failed.</exception>
    public static void Run(Options arguments)
    {
        var size = arguments.Text("size", "full");
        var lines = size switch
        {
            "full" => Full,
            "smoke" => Smoke,
            _ => throw new ArgumentException($"There is no size '{size}'; there are full and smoke."),
        };
        var parts = arguments.List("parts", string.Join(',', Commands.Keys));
        if (parts.FirstOrDefault(part => !Commands.ContainsKey(part)) is { } unknown)
        {
            throw new ArgumentException($"There is no part '{unknown}'; there are {string.Join(", ", Commands.Keys)}.");
        }

        var results = arguments.Value("results") is { } directory ? $" --results {directory}" : "";
        var everywhere = $"--device {arguments.Text("device", "cuda")}{results}";
        var failed = new List<string>();
        foreach (var line in lines)
        {
            var part = new Options($"{line} {everywhere}".Split(' '));
            if (!parts.Contains(part.Command))
            {
                continue;
            }

            Console.WriteLine();
            try
            {
                Commands[part.Command](part);
            }
            catch (Exception exception)
            {
                // What a new device makes fail is this program's result; the other parts have theirs.
                Console.WriteLine($"`{part.Line}`\n\nFAILED: {exception}");
                failed.Add(part.Command);
            }
        }

        if (failed.Count > 0)
        {
            throw new BenchmarkFailedException($"These parts failed: {string.Join(", ", failed)}.");
        }
    }
}
