using DeepSeekEngine.Benchmarks.Synthetic;

namespace DeepSeekEngine.Benchmarks.Compare;

/// <summary>
/// Writes the files <c>compare</c> gives llama.cpp: <c>--shape --type --layers --directory</c>. They are as large as the models.
/// </summary>
internal static class GgufCommand
{
    public static void Run(Options arguments)
    {
        foreach (var shape in arguments.List("shape", "mid9"))
        {
            foreach (var type in arguments.Names<GgmlType>("type", "BF16,Q8_0,Q4_0"))
            {
                var layers = arguments.Number("layers", 0);
                var path = PathOf(arguments, shape, layers, type);
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                var file = GgufModel.Of(Shapes.Of(shape, layers), type);
                file.WriteTo(path);
                Console.WriteLine($"{path}: {file.TensorBytes / 1e9:F2} GB");
            }
        }
    }

    public static string PathOf(Options arguments, string shape, int layers, GgmlType type)
        => Path.Combine(
            arguments.Text("directory", Path.Combine(Path.GetTempPath(), "deepseekengine-gguf")),
            $"{shape}{(layers > 0 ? $"-{layers}" : "")}-{type}.gguf".ToLowerInvariant());
}
