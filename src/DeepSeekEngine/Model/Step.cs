using DeepSeekEngine.Backends;

namespace DeepSeekEngine.Model;

/// <summary>What every block of the model needs to compute its part of a step.</summary>
internal readonly record struct Step(
    IBackend Backend, Workspace Workspace, Batch Batch, TokenTables Tokens, DeviceArray<float> Rope, AttentionForm Form)
{
    /// <summary>What computes the routed experts if the device does not, with <see cref="HostExperts"/> to go with it.</summary>
    public IBackend? Host { get; init; }

    public HostExperts? HostExperts { get; init; }

    /// <summary>Tokens in the step.</summary>
    public int Count => Batch.Count;
}
