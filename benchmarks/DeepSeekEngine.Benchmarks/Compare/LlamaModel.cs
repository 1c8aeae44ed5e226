using System.Diagnostics;
using DeepSeekEngine.Benchmarks.Models;

namespace DeepSeekEngine.Benchmarks.Compare;

/// <summary>A GGUF file in llama.cpp, with its defaults but for the length of the context and one pinned thread a processor.</summary>
internal sealed unsafe class LlamaModel : ITimedModel
{
    private const int MaxStep = 512;
    private readonly LlamaLibrary _library;
    private readonly Random _random = new(1);
    private readonly int[] _tokens = new int[MaxStep];
    private readonly int _vocabulary;
    private readonly nint _model;
    private readonly nint _context;
    private int _length;

    /// <param name="threads">0 for one a processor.</param>
    public LlamaModel(string directory, string path, int vocabulary, int maxContext, int threads)
    {
        _library = new LlamaLibrary(directory);
        _vocabulary = vocabulary;
        var count = threads == 0 ? Environment.ProcessorCount : threads;
        var parameters = _library.ModelDefaultParameters();
        nint model = 0;
        LlamaLibrary.WithText(path, text => model = _library.LoadModel(text, parameters));
        _model = model != 0 ? model : throw new InvalidDataException($"llama.cpp does not load {path}.");

        // The structure begins with n_ctx, n_batch, n_ubatch, n_seq_max; their defaults tell whether it still does.
        var context = _library.ContextDefaultParameters();
        if (context.Words[0] != 512 || context.Words[1] != 2048 || context.Words[2] != MaxStep || context.Words[3] != 1)
        {
            throw new NotSupportedException("This llama.cpp's context parameters are laid out in an unknown way.");
        }

        context.Words[0] = (uint)maxContext;
        _context = _library.CreateContext(_model, context);
        if (_context == 0)
        {
            throw new InvalidOperationException("llama.cpp makes no context for the model.");
        }

        var pool = new LlamaLibrary.ThreadPoolParameters { Threads = count, Polling = 50, OneProcessorEach = 1 };
        for (var i = 0; i < count; i++)
        {
            pool.Processors[i] = 1;
        }

        var threadPool = _library.CreateThreadPool(&pool);
        _library.AttachThreadPool(_context, threadPool, threadPool);
        _library.SetThreads(_context, count, count);
    }

    public void SetContext(int tokens)
    {
        if (tokens == _length)
        {
            return;
        }

        Truncate(0);
        for (_length = 0; _length < tokens;)
        {
            var count = Math.Min(MaxStep, tokens - _length);
            Step(count);
            _length += count;
        }
    }

    public double Prefill(int tokens)
    {
        var start = Stopwatch.GetTimestamp();
        Step(tokens);
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Truncate(_length);
        return seconds;
    }

    public double Decode(int tokens)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < tokens; i++)
        {
            Step(1);
        }

        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Truncate(_length);
        return seconds;
    }

    public void Dispose()
    {
        _library.FreeContext(_context);
        _library.FreeModel(_model);
    }

    /// <summary>Computes the next tokens and the logits of the last of them.</summary>
    private void Step(int count)
    {
        for (var i = 0; i < count; i++)
        {
            _tokens[i] = _random.Next(_vocabulary);
        }

        fixed (int* tokens = _tokens)
        {
            var status = _library.Decode(_context, _library.BatchOf(tokens, count));
            if (status != 0)
            {
                throw new InvalidOperationException($"llama_decode returned {status}.");
            }
        }

        // Waits for what is computed, and shows that it was.
        if (!float.IsFinite(_library.Logits(_context)[0]))
        {
            throw new InvalidDataException("llama.cpp's logits are not numbers.");
        }
    }

    private void Truncate(int length) => _library.RemoveFromMemory(_library.Memory(_context), -1, length, -1);
}
