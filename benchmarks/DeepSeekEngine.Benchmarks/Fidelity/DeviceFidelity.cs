using DeepSeekEngine.Backends;
using DeepSeekEngine.Benchmarks.Devices;
using DeepSeekEngine.Model;
using DeepSeekEngine.Testing.Fidelity;

namespace DeepSeekEngine.Benchmarks.Fidelity;

/// <summary>The tests' comparison of a fixture with its float64 reference, on the device a command names.</summary>
public sealed class DeviceFidelity : ModelFidelityTests
{
    private readonly Options _arguments;
    private bool _rounds;

    internal DeviceFidelity(string directory, Options arguments)
        : base(directory) => _arguments = arguments;

    /// <summary>What can be compared, by the name it is chosen by.</summary>
    internal static IReadOnlyDictionary<string, Action<DeviceFidelity>> Checks { get; } = new Dictionary<string, Action<DeviceFidelity>>
    {
        ["absorbed"] = model => model.One_absorbed_prefill_matches_the_reference(),
        ["expanded"] = model => model.One_prefill_matches_the_reference(),
        ["chunks"] = model => model.Short_chunks_match_the_reference(3, (int)AttentionForm.Cheapest),
        ["greedy"] = model => model.Greedy_decoding_matches_the_reference((int)AttentionForm.Cheapest),
        ["mixed"] = model => model.A_mixed_batch_matches_the_reference((int)AttentionForm.Cheapest),
        ["drafts"] = model => model.Drafts_match_the_reference(7),
    };

    protected override int LongestPrompt => _arguments.Number("longest", base.LongestPrompt);

    protected override int GreedySteps => _arguments.Number("greedy", base.GreedySteps);

    protected override bool RoundsActivations => _rounds;

    internal override IBackend CreateBackend()
    {
        var backend = BenchmarkDevice.Open(_arguments, FidelityCommand.DefaultDevice);
        _rounds = backend.RoundsActivations();
        return backend;
    }
}
