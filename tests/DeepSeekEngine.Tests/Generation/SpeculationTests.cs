using System.Buffers.Binary;
using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;
using DeepSeekEngine.Diagnostics;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Tests.Weights;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Generation;

/// <summary>Drafting where it is left to the engine: it goes by what it measures, and says nothing else.</summary>
[NonParallelizable]
public sealed class SpeculationTests
{
    private const int Requests = 40;

    private static readonly EngineOptions Cpu = new() { Device = Device.Cpu, ContextLength = 256, Threads = 1 };

    [Test]
    public async Task A_module_that_guesses_wrongly_is_switched_off()
    {
        using var directory = new TemporaryDirectory();
        CopyWithWrongModule(directory.Path);
        using var counters = new Counters();
        var drafting = await AnswerAsync(directory.Path, Cpu);
        Assert.That(counters["deepseek_engine.tokens.drafted"], Is.EqualTo(drafting.Sum(result => result.Usage.DraftedTokens)).And.Positive);
        Assert.That(counters["deepseek_engine.tokens.accepted"], Is.LessThan(counters["deepseek_engine.tokens.drafted"] / 10));

        // Drafts are tried now and then. That it measures wrongly once is left room for: the machine may be busy with other things.
        Assert.That(counters["deepseek_engine.tokens.drafted"], Is.LessThan(counters["deepseek_engine.tokens.output"] / 2));

        var always = await AnswerAsync(directory.Path, Cpu with { SpeculativeDecoding = true });
        Assert.That(always.Sum(result => result.Usage.DraftedTokens), Is.GreaterThan(always.Sum(result => result.Usage.CompletionTokens) / 2));
        var plain = await AnswerAsync(TestPaths.TinyR1, Cpu with { SpeculativeDecoding = false });
        Assert.That(drafting.Select(Said), Is.EqualTo(plain.Select(Said)));
        Assert.That(always.Select(Said), Is.EqualTo(plain.Select(Said)));
    }

    [Test]
    public async Task A_module_that_guesses_rightly_drafts_as_told()
    {
        var always = await AnswerAsync(TestPaths.TinyR1, Cpu with { SpeculativeDecoding = true });
        var (drafted, accepted) = (always.Sum(result => result.Usage.DraftedTokens), always.Sum(result => result.Usage.AcceptedTokens));
        TestContext.Out.WriteLine($"{accepted} of {drafted} accepted");
        Assert.That(accepted, Is.GreaterThan(drafted / 2));
        var left = await AnswerAsync(TestPaths.TinyR1, Cpu);
        TestContext.Out.WriteLine($"left to the engine: {left.Sum(result => result.Usage.DraftedTokens)} drafted");
        Assert.That(left.Select(Said), Is.EqualTo(always.Select(Said)));
    }

    private static (string Reasoning, string Text, int Tokens) Said(GenerationResult result)
        => (result.Reasoning, result.Text, result.Usage.CompletionTokens);

    private static async Task<List<GenerationResult>> AnswerAsync(string directory, EngineOptions options)
    {
        await using var model = await DeepSeekModel.LoadAsync(directory, options);
        var results = new List<GenerationResult>();
        for (var i = 0; i < Requests; i++)
        {
            results.Add(await model.GenerateAsync($"What is {17 + (7 * i)} + {90 + (3 * i)}?", new() { Temperature = 0, MaxTokens = 120 }));
        }

        return results;
    }

    /// <summary>The sample model, whose multi-token-prediction module takes the least probable token for the most probable.</summary>
    private static void CopyWithWrongModule(string directory)
    {
        foreach (var file in Directory.EnumerateFiles(TestPaths.TinyR1))
        {
            File.Copy(file, Path.Combine(directory, Path.GetFileName(file)));
        }

        var path = Path.Combine(directory, "model.safetensors");
        var bytes = File.ReadAllBytes(path);
        var header = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        var layers = JsonNode.Parse(File.ReadAllText(Path.Combine(directory, "config.json")))!["num_hidden_layers"]!.GetValue<int>();
        var norm = JsonNode.Parse(bytes.AsSpan(8, header))![$"model.layers.{layers}.shared_head.norm.weight"]!;
        Assert.That(norm["dtype"]!.GetValue<string>(), Is.EqualTo("BF16"));
        var offsets = norm["data_offsets"]!.AsArray().Select(offset => 8 + header + offset!.GetValue<int>()).ToArray();

        // The opposite of what the head is given has the opposite logits.
        for (var sign = offsets[0] + 1; sign < offsets[1]; sign += 2)
        {
            bytes[sign] ^= 0x80;
        }

        File.WriteAllBytes(path, bytes);
    }

    /// <summary>The sums of the counters so far.</summary>
    private sealed class Counters : IDisposable
    {
        private readonly Dictionary<string, long> _sums = [];
        private readonly MeterListener _listener = new()
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument is Counter<long> && instrument.Meter.Name == Instruments.Name)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };

        public Counters()
        {
            _listener.SetMeasurementEventCallback<long>((instrument, value, _, _) =>
            {
                lock (_sums)
                {
                    _sums[instrument.Name] = _sums.GetValueOrDefault(instrument.Name) + value;
                }
            });
            _listener.Start();
        }

        public long this[string instrument]
        {
            get
            {
                lock (_sums)
                {
                    return _sums[instrument];
                }
            }
        }

        public void Dispose() => _listener.Dispose();
    }
}
