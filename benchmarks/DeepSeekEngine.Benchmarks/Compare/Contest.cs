using DeepSeekEngine.Benchmarks.Limits;
using DeepSeekEngine.Benchmarks.Synthetic;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Benchmarks.Compare;

/// <summary>Seconds of one engine's turn, and the memory bandwidth around its decoding.</summary>
internal readonly record struct Sample(double Prefill, double Decode, double Probe);

/// <summary>Two engines with the same model. Both stay loaded where memory holds both; else each is loaded for its turn.</summary>
internal sealed class Contest : IDisposable
{
    /// <summary>Until an engine's threads no longer look for work: llama.cpp's do so for some 100 ms.</summary>
    private const int IdleMilliseconds = 300;

    private readonly string[] _ourOptions;
    private readonly string[] _theirOptions;
    private readonly bool _fitsBoth;
    private WorkerProcess? _ours;
    private WorkerProcess? _theirs;

    public Contest(Options arguments, string shape, WeightEncoding ours, GgmlType theirs, int maxContext)
    {
        var layers = arguments.Number("layers", 0);
        var config = Shapes.Of(shape, layers);
        var path = GgufCommand.PathOf(arguments, shape, layers, theirs);
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"{path} is not there; write it with the command 'gguf'.");
        }

        string[] common =
        [
            "--shape", shape, "--layers", $"{layers}", "--context", $"{maxContext}", "--prompt", arguments.Text("prompt", "512"),
            "--threads", arguments.Text("threads", "0"), "--pages", arguments.Text("pages", "huge"),
        ];
        _ourOptions = [.. common, "--format", $"{ours}"];
        _theirOptions = [.. common, "--gguf", path, "--llama", arguments.Text("llama", "benchmarks/llama/bin")];

        // The file is mapped, and some formats are copied into an order of their own besides.
        var file = new FileInfo(path).Length;
        var needed = (file * (theirs is GgmlType.BF16 ? 1 : 2)) + (GgufModel.Of(config, GgmlType.BF16).TensorBytes / 2 * BytesPerElement(ours));
        _fitsBoth = needed < GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * 0.8;
        TheirBytes = GgufModel.ActiveBytes(config, theirs);
    }

    public double OurBytes { get; private set; }

    public double TheirBytes { get; }

    public IReadOnlyList<(Sample Ours, Sample Theirs)> Run(MachineLimits limits, int context, int prompt, int decode, int rounds)
    {
        var samples = new List<(Sample, Sample)>();
        for (var round = 0; round < rounds; round++)
        {
            // Who begins alternates, so that a machine that grows slower favours nobody.
            if (round % 2 == 0)
            {
                var ours = Turn(ref _ours, ref _theirs, _ourOptions);
                samples.Add((ours, Turn(ref _theirs, ref _ours, _theirOptions)));
            }
            else
            {
                var theirs = Turn(ref _theirs, ref _ours, _theirOptions);
                samples.Add((Turn(ref _ours, ref _theirs, _ourOptions), theirs));
            }
        }

        return samples;

        Sample Turn(ref WorkerProcess? model, ref WorkerProcess? other, string[] options)
        {
            if (!_fitsBoth)
            {
                other?.Dispose();
                other = null;
            }

            if (model is null)
            {
                // What is compiled as it is used is compiled by now.
                model = new WorkerProcess(options);
                model.Prefill(prompt / 4);
                model.Decode(8);
                OurBytes = Math.Max(OurBytes, model.ActiveBytes);
            }

            model.SetContext(context);
            var prefill = model.Prefill(prompt);
            Thread.Sleep(IdleMilliseconds);
            var before = limits.MemoryBandwidth();
            var seconds = model.Decode(decode);
            Thread.Sleep(IdleMilliseconds);
            return new Sample(prefill, seconds, (before + limits.MemoryBandwidth()) / 2);
        }
    }

    public void Dispose()
    {
        _ours?.Dispose();
        _theirs?.Dispose();
    }

    private static double BytesPerElement(WeightEncoding encoding)
        => encoding.IsPacked()
            ? PackedLayout.BlockBytes(encoding) / ((double)PackedLayout.BlockColumns(encoding) * PackedLayout.PanelRows)
            : encoding.BytesPerElement();
}
