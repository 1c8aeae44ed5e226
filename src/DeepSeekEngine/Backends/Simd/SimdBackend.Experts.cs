using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;

namespace DeepSeekEngine.Backends.Simd;

/// <content>The router and the routed experts.</content>
internal sealed unsafe partial class SimdBackend
{
    public void SelectExperts(
        Activations logits, DeviceArray<float>? bias, in RouterShape shape,
        DeviceArray<int> expertIds, Activations expertWeights, int count)
    {
        SimdArguments.Check(shape);
        if (!Any(count))
        {
            return;
        }

        var job = new SelectExpertsJob
        {
            Logits = SimdArguments.View(logits, shape.Experts, count),
            Bias = bias is null ? null : SimdArguments.Elements(bias, shape.Experts),
            Shape = shape,
            ExpertIds = SimdArguments.Elements(expertIds, (long)count * shape.ExpertsPerToken),
            Weights = SimdArguments.View(expertWeights, shape.ExpertsPerToken, count),
            Scratch = Scratch(SelectExpertsJob.ScratchBytes(shape)),
        };
        pool.For(ref job, count, minGrain: 4);
    }

    public void RoutedExperts(
        Activations x, DeviceArray<int> expertIds, Activations expertWeights,
        ExpertMatrices gate, ExpertMatrices up, ExpertMatrices down, Activations hidden, Activations y, int count)
    {
        if (!Any(count))
        {
            return;
        }

        int width = x.Width;
        int inner = gate.Rows;
        int expertsPerToken = expertWeights.Width;
        int pairs = checked(count * expertsPerToken);
        WeightMatrix* gates = SimdArguments.View(gate, gate.Experts, inner, width);
        WeightMatrix* ups = SimdArguments.View(up, gate.Experts, inner, width);
        WeightMatrix* downs = SimdArguments.View(down, gate.Experts, width, inner);
        Rows inputs = SimdArguments.View(x, width, count);
        Rows weights = SimdArguments.View(expertWeights, expertsPerToken, count);
        Rows hiddens = SimdArguments.View(hidden, inner, pairs);
        Rows outputs = SimdArguments.View(y, width, count);
        int* ids = SimdArguments.Elements(expertIds, pairs);

        Reserve(groups, ExpertGroups.ByteLength(gate.Experts, pairs));
        var chosen = new ExpertGroups(groups.Pointer, gate.Experts, pairs);
        int active = chosen.Sort(ids);
        if (gates->IsPaged)
        {
            Announce(gates, ups, downs, chosen, active);
        }

        WorkerScratch workspace = Scratch(Math.Max(ExpertGateUpJob.ScratchBytes, ExpertDownJob.ScratchBytes(pairs)));

        bool packed = gate.Encoding.IsPacked() || up.Encoding.IsPacked();
        var gateUp = new ExpertGateUpJob
        {
            X = inputs,
            Gate = gates,
            Up = ups,
            Packed = packed ? QuantizeTokens(inputs, count, chosen, expertsPerToken) : default,
            Groups = chosen,
            ExpertsPerToken = expertsPerToken,
            Hidden = hiddens,
            Scratch = workspace,
        };
        pool.For(ref gateUp, checked(active * ExpertGateUpJob.TasksPerExpert(inner)));

        var downJob = new ExpertDownJob
        {
            Hidden = hiddens,
            Down = downs,
            Packed = down.Encoding.IsPacked() ? Quantize(hiddens, pairs, 1, inner, chosen.Pairs) : default,
            Groups = chosen,
            ActiveExperts = active,
            ExpertsPerToken = expertsPerToken,
            Weights = weights,
            Y = outputs,
            Count = count,
            Scratch = workspace,
        };
        pool.For(ref downJob, downJob.Tasks);
    }

    private void Announce(WeightMatrix* gates, WeightMatrix* ups, WeightMatrix* downs, in ExpertGroups chosen, int active)
    {
        var announce = new AnnounceExpertsJob
        {
            Gate = gates,
            Up = ups,
            Down = downs,
            Groups = chosen,
            ActiveExperts = active,
            IsBelieved = residencyIsKnown,
        };
        if (announce.ByteLength <= mostAnnouncedBytes)
        {
            pool.For(ref announce, announce.Tasks);
            residencyIsKnown = announce.IsBelieved;
        }
    }

    /// <summary>Every pair's token, in the order of the pairs, so that an expert's tokens lie side by side; a lone token but once.</summary>
    private PackedProducts QuantizeTokens(Rows x, int count, in ExpertGroups chosen, int expertsPerToken)
        => count == 1
            ? Quantize(x, 1, 1, x.Width) with { Step = 0 }
            : Quantize(x, count * expertsPerToken, 1, x.Width, chosen.Pairs, expertsPerToken);
}
