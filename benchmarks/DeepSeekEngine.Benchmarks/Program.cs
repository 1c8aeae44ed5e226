using BenchmarkDotNet.Running;
using DeepSeekEngine;
using DeepSeekEngine.Benchmarks;
using DeepSeekEngine.Benchmarks.Compare;
using DeepSeekEngine.Benchmarks.Fidelity;
using DeepSeekEngine.Benchmarks.Gpu;
using DeepSeekEngine.Benchmarks.Limits;
using DeepSeekEngine.Benchmarks.Models;
using DeepSeekEngine.Benchmarks.Operations;
using DeepSeekEngine.Benchmarks.Paging;
using DeepSeekEngine.Benchmarks.Products;
using DeepSeekEngine.Benchmarks.Quality;
using DeepSeekEngine.Benchmarks.Serving;

// What is measured against the machine's limits or against another engine has commands of its own, which interleave the two: a
// machine's memory and clock change between one benchmark of BenchmarkDotNet and the next. All else is BenchmarkDotNet's.
Action<Options>? command = args.FirstOrDefault() switch
{
    "limits" => LimitsCommand.Run,
    "ops" => OperationsCommand.Run,
    "model" => ModelCommand.Run,
    "compare" => CompareCommand.Run,
    "fidelity" => FidelityCommand.Run,
    "products" => ProductsCommand.Run,
    "slice" => SliceCommand.Run,
    "transformers" => TransformersCommand.Run,
    "gpu" => GpuCommand.Run,
    "serve" => ServeCommand.Run,
    "server" => ServerCommand.Run,
    "paging" => PagingCommand.Run,
    "gguf" => GgufCommand.Run,
    "quality" => QualityCommand.Run,
    WorkerProcess.Command => WorkerProcess.Run,
    _ => null,
};
if (command is null)
{
    BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
}
else
{
    try
    {
        command(new Options(args));
    }
    catch (Exception exception) when (exception is BenchmarkFailedException or ArgumentException or DeepSeekException)
    {
        Console.Error.WriteLine(exception.Message);
        return 1;
    }
}

return 0;
