using System.Numerics.Tensors;
using DeepSeekEngine.Cache;
using DeepSeekEngine.Diagnostics;
using DeepSeekEngine.Model;
using DeepSeekEngine.Runtime;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Tokenizer;

namespace DeepSeekEngine.Tests.Scheduling;

/// <summary>Looks at, or spoils, the logits that verify a draft.</summary>
internal delegate void DraftVerification(Span<float> logits, int draft);

/// <summary>The engine's loop over a <see cref="PrefixModel"/>, one step a call, so that what it does can be counted in steps.</summary>
internal sealed class StepLoop
{
    private static readonly DeepSeekTokenizer Tokenizer = DeepSeekTokenizer.Load(TestPaths.TinyR1);

    private readonly PrefixModel _model;
    private readonly int _contextLength;
    private readonly bool _drafting;
    private readonly DraftVerification? _verification;
    private readonly float[] _logits;

    /// <param name="drafting">Whether the most probable token after a request's last is guessed a step ahead, and verified.</param>
    public StepLoop(
        PrefixModel model, int contextLength, int maxRunning, int chunk, bool drafting = false, DraftVerification? verification = null,
        int roundedTokens = int.MaxValue)
    {
        _model = model;
        _contextLength = contextLength;
        _drafting = drafting;
        _verification = verification;
        _logits = new float[model.Vocabulary];
        var outputs = maxRunning * 2;
        Scheduler = new Scheduler(
            new StepLimits(outputs + chunk, maxRunning, outputs, contextLength, model.Pool.Blocks * BlockPool.BlockSize),
            model.Pool, maxRunning, chunk, roundedTokens);
    }

    public Scheduler Scheduler { get; }

    /// <summary>Steps that were computed.</summary>
    public int Steps { get; private set; }

    public Job Submit(int[] prompt, int tokens, SamplingParameters? sampling = null, CancellationToken cancellationToken = default)
    {
        var request = new Request(
            new RequestPlan
            {
                Prompt = prompt,
                ContextLength = _contextLength,
                MaxTokens = tokens,
                MaxThinkingTokens = int.MaxValue,
                CloseReasoning = [],
                EndTokens = [],
                Sampler = new Sampler(sampling ?? new SamplingParameters { Seed = 0, Temperature = 0 }, _model.Vocabulary),
                Text = new ResponseText(Tokenizer, new ThinkSplitter(startsInReasoning: false), new StopSequences([])),
                Telemetry = new RequestTelemetry("none", TelemetryTags.TextCompletion, new GenerationOptions()),
                LogProbabilities = new LogProbabilities(0, Tokenizer),
            },
            cancellationToken);
        Scheduler.Enqueue(request);
        return new Job(request, prompt, tokens, Steps);
    }

    /// <returns>What was computed; it is overwritten by the next.</returns>
    public Batch Step()
    {
        var step = Scheduler.NextStep();
        Steps++;
        _model.Forward(step);
        foreach (var request in Scheduler.Answering)
        {
            Accept(request);
        }

        Scheduler.Advance();
        foreach (var request in Scheduler.InStep)
        {
            if (_drafting && request.WantsDraft)
            {
                _model.Logits(request.Table, request.Computed, request.NextTokens(1)[0], _logits);
                request.Draft(TensorPrimitives.IndexOfMax<float>(_logits));
            }
        }

        return step;
    }

    public void Run()
    {
        while (Scheduler.HasWork)
        {
            Step();
        }
    }

    private void Accept(Request request)
    {
        var accepted = 0;
        bool another;
        do
        {
            _model.Logits(request.Output + accepted, _logits);
            if (accepted == 0 && request.OutputCount > 1)
            {
                _verification?.Invoke(_logits, _model.TokenAfter(request.Output));
            }

            another = request.Accept(_logits);
            accepted++;
        }
        while (another && accepted < request.OutputCount);
    }
}

/// <summary>A request of a <see cref="StepLoop"/>.</summary>
/// <param name="Submitted">Steps that were computed before it came.</param>
internal sealed record Job(Request Request, int[] Prompt, int MaxTokens, int Submitted)
{
    /// <summary>Ends where the request has ended.</summary>
    public (int[] Tokens, Usage Usage) Result()
    {
        var tokens = new List<int>();
        while (Request.Chunks.TryRead(out var chunk))
        {
            tokens.AddRange(chunk.LogProbabilities.Select(alternatives => alternatives.Token.TokenId));
            if (chunk.Usage is not null)
            {
                return ([.. tokens], chunk.Usage);
            }
        }

        throw new InvalidOperationException("The request has not ended.");
    }
}
