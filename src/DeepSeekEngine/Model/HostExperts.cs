using DeepSeekEngine.Backends;

namespace DeepSeekEngine.Model;

/// <summary>
/// The host's part of a step whose routed experts are computed there, from weights where they lie, while the device computes what was
/// issued to it in between. One is enough for all layers and devices, which have their turns.
/// </summary>
internal sealed class HostExperts : IDisposable
{
    private readonly List<IDisposable> _arrays = [];
    private readonly Activations _input;
    private readonly DeviceArray<int> _ids;
    private readonly Activations _weights;
    private readonly Activations _hidden;
    private readonly Activations _sum;
    private readonly float[] _zeros;

    public HostExperts(IDeviceMemory memory, ModelConfig config, int maxTokens)
    {
        var chosen = config.Router?.ExpertsPerToken ?? 0;
        _zeros = new float[config.HiddenSize];
        try
        {
            _input = Rows(maxTokens, config.HiddenSize);
            _sum = Rows(maxTokens, config.HiddenSize);
            _weights = Rows(maxTokens, chosen);
            _hidden = Rows(maxTokens * chosen, config.MoeIntermediateSize);
            _ids = Own(memory.Allocate<int>((long)maxTokens * chosen));
        }
        catch
        {
            Dispose();
            throw;
        }

        Activations Rows(int rows, int width)
            => Activations.Dense(Own(memory.Allocate<float>(checked((long)rows * width))), width);
    }

    /// <summary>Waits for the router's choice and brings it here, with what the experts are to compute from.</summary>
    public void Fetch(Workspace w, int count)
    {
        w.Normed.Array.CopyTo(_input.Array, count * _input.Width);
        w.ExpertIds.CopyTo(_ids, count * _weights.Width);
        w.ExpertWeights.Array.CopyTo(_weights.Array, count * _weights.Width);
    }

    /// <summary>Computes what <see cref="Fetch"/> brought and sends the sum to <see cref="Workspace.Routed"/>.</summary>
    public void Compute(IBackend host, in ExpertSet experts, Workspace w, int count)
    {
        for (var t = 0; t < count; t++)
        {
            _sum.Array.Upload(_zeros, (long)t * _sum.Width);
        }

        host.RoutedExperts(_input, _ids, _weights, experts.Gate, experts.Up, experts.Down, _hidden, _sum, count);
        _sum.Array.CopyTo(w.Routed.Array, count * _sum.Width);
    }

    public void Dispose()
    {
        foreach (var array in _arrays)
        {
            array.Dispose();
        }
    }

    private T Own<T>(T array)
        where T : IDisposable
    {
        _arrays.Add(array);
        return array;
    }
}
