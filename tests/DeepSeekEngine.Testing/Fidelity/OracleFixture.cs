using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace DeepSeekEngine.Testing.Fidelity;

/// <summary>A prompt of a fixture and what the float64 reference computed for it.</summary>
/// <param name="SafeSteps">Greedy ids that rounding to bfloat16 cannot change.</param>
/// <param name="DecidedSteps">Greedy ids that rounding something else as much cannot change either.</param>
internal sealed record OraclePrompt(
    string Name, int[] InputIds, int HiddenFirst, int LogitsFirst, int[] ArgmaxIds, int[] GreedyIds, int SafeSteps, int DecidedSteps,
    int[]? DraftIds);

/// <summary>How far results may be from the reference: the largest difference, and the root mean square of an array.</summary>
internal readonly record struct Tolerance(float Largest, float RootMeanSquare);

/// <summary>
/// A fixture directory: a checkpoint with expected.json and expected.safetensors. Reads the arrays on its own, so that a mistake in
/// the loader under test cannot hide itself.
/// </summary>
internal sealed class OracleFixture
{
    private readonly Dictionary<string, Array> _arrays = [];
    private readonly Dictionary<string, (Tolerance Float32, Tolerance BFloat16)> _tolerances = [];

    public OracleFixture(string directory)
    {
        Directory = directory;
        using var expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(directory, "expected.json")));
        foreach (var tolerance in expected.RootElement.GetProperty("tolerance").EnumerateObject())
        {
            float Value(string name) => tolerance.Value.GetProperty(name).GetSingle();
            _tolerances[tolerance.Name] = (
                new Tolerance(Value("f32_maxabs"), Value("f32_maxabs")), new Tolerance(Value("bf16_maxabs"), Value("bf16_rms")));
        }

        Prompts = [.. expected.RootElement.GetProperty("prompts").EnumerateArray().Select(prompt => new OraclePrompt(
            prompt.GetProperty("name").GetString()!,
            Ints(prompt.GetProperty("input_ids")),
            prompt.GetProperty("hidden_first_pos").GetInt32(),
            prompt.GetProperty("logits_first_pos").GetInt32(),
            Ints(prompt.GetProperty("argmax_ids")),
            Ints(prompt.GetProperty("greedy_ids")),
            SafeSteps(
                prompt, expected.RootElement.GetProperty("measured_error_vs_f64"),
                expected.RootElement.GetProperty("router_margin_threshold_prompts").GetSingle()),
            DecidedSteps(prompt, expected.RootElement.GetProperty("measured_error_vs_f64")),
            prompt.TryGetProperty("mtp_draft_ids", out var drafts) ? Ints(drafts) : null))];
        ReadArrays(Path.Combine(directory, "expected.safetensors"));
    }

    public string Directory { get; }

    public IReadOnlyList<OraclePrompt> Prompts { get; }

    /// <param name="of">What is compared: logits, hidden, decode or mtp.</param>
    /// <param name="rounded">Whether activations are rounded to bfloat16.</param>
    public Tolerance Tolerance(string of, bool rounded) => rounded ? _tolerances[of].BFloat16 : _tolerances[of].Float32;

    public bool Has(string name) => _arrays.ContainsKey(name);

    public float[] Floats(string name) => (float[])_arrays[name];

    public int[] Ints(string name) => (int[])_arrays[name];

    /// <summary>
    /// The steps two emulations of bfloat16 agree on, up to the first whose experts are as near a tie as no position of a prompt may be:
    /// there a third rounding may choose another expert than both. Where there is one emulation, as of models without latents, another
    /// rounding may choose the other of two logits that are no further apart than that one's error, and so may end them earlier.
    /// </summary>
    private static int SafeSteps(JsonElement prompt, JsonElement errors, float margin)
    {
        var margins = prompt.GetProperty("greedy_min_router_margin").EnumerateArray();
        var apart = margins.TakeWhile(step => step.ValueKind == JsonValueKind.Null || step.GetSingle() >= margin).Count();
        var error = DecodeError(errors, "bf16_absorb") == 0 ? DecodeError(errors, "bf16") : 0;
        return Math.Min(prompt.GetProperty("greedy_bf16_safe_prefix").GetInt32(), Math.Min(apart, StepsWithGaps(prompt, error)));
    }

    /// <summary>The steps up to the first whose two best logits are no further apart than three times what one of them may be off.</summary>
    private static int DecidedSteps(JsonElement prompt, JsonElement errors) => StepsWithGaps(prompt, 3 * DecodeError(errors, "bf16"));

    private static int StepsWithGaps(JsonElement prompt, float least)
        => prompt.GetProperty("greedy_top1_minus_top2").EnumerateArray().TakeWhile(gap => gap.GetSingle() > least).Count();

    /// <summary>The root mean square error of the logits of decoding.</summary>
    private static float DecodeError(JsonElement errors, string emulation)
        => errors.GetProperty(emulation).GetProperty("decode")[1].GetSingle();

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt32())];

    private void ReadArrays(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var headerLength = checked((int)BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        using var header = JsonDocument.Parse(Encoding.UTF8.GetString(bytes, 8, headerLength));
        foreach (var entry in header.RootElement.EnumerateObject().Where(e => e.Name != "__metadata__"))
        {
            var offsets = entry.Value.GetProperty("data_offsets");
            var (begin, end) = (offsets[0].GetInt32(), offsets[1].GetInt32());
            var data = bytes.AsSpan(8 + headerLength + begin, end - begin);
            _arrays[entry.Name] = entry.Value.GetProperty("dtype").GetString() switch
            {
                "F32" => MemoryMarshal.Cast<byte, float>(data).ToArray(),
                "I32" => MemoryMarshal.Cast<byte, int>(data).ToArray(),
                var other => throw new InvalidDataException($"{path}: {entry.Name} is {other}."),
            };
        }
    }
}
