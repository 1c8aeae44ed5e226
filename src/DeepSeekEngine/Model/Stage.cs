using DeepSeekEngine.Backends;

namespace DeepSeekEngine.Model;

/// <summary>What a step needs on each device that layers are on, allocated once for the largest step.</summary>
internal sealed class Stage
{
    public Stage(WeightLoader weights, ModelConfig config, in StepLimits limits, bool expertsOnHost)
    {
        Workspace = weights.Own(new Workspace(weights.Memory, config, limits.Tokens, limits.Outputs, expertsOnHost));
        Tables = weights.Own(new StepTables(weights.Memory, limits.Tokens, limits.Sequences, limits.Outputs, limits.ContextLength));
        Rope = weights.Own(weights.Memory.Allocate<float>((long)limits.ContextLength * config.Attention.RopeWidth));
    }

    public Workspace Workspace { get; }

    public StepTables Tables { get; }

    /// <summary>The table of angles <see cref="RotaryFrequencies.Table"/> fills.</summary>
    public DeviceArray<float> Rope { get; }
}
