using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Gpu;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <content>Mixture of experts.</content>
internal sealed partial class IlgpuBackend
{
    private readonly LoadedKernel<SelectExperts.Parameters> selectExperts;
    private readonly LoadedKernel<RoutedExperts.HiddenParameters>[] expertsHidden;
    private readonly LoadedKernel<RoutedExperts.DownParameters>[] expertsDown;

    public void SelectExperts(
        Activations logits, DeviceArray<float>? bias, in RouterShape shape,
        DeviceArray<int> expertIds, Activations expertWeights, int count)
    {
        Check(shape);
        if (!Any(count))
        {
            return;
        }

        bool biased = shape.BiasCorrected && bias is not null;
        selectExperts.Launch(count, 1, 1, new()
        {
            Logits = Rows(logits, count, shape.Experts),
            Bias = biased ? View(bias!, shape.Experts) : View(logits.Array, 0),
            Ids = View(expertIds, (long)count * shape.ExpertsPerToken),
            Weights = Rows(expertWeights, count, shape.ExpertsPerToken),
            Experts = shape.Experts,
            Chosen = shape.ExpertsPerToken,
            Groups = shape.Groups,
            GroupsKept = shape.GroupsKept,
            Sigmoid = shape.Sigmoid ? 1 : 0,
            HasBias = biased ? 1 : 0,
            SumOfTwo = shape.BiasCorrected ? 1 : 0,
            Normalize = shape.Normalize ? 1 : 0,
            Scale = shape.Scale,
        });
    }

    public void RoutedExperts(
        Activations x, DeviceArray<int> expertIds, Activations expertWeights,
        ExpertMatrices gate, ExpertMatrices up, ExpertMatrices down, Activations hidden, Activations y, int count)
    {
        if (gate.Encoding != up.Encoding || gate.Experts != up.Experts || gate.Experts != down.Experts)
        {
            throw new ArgumentException(
                $"gate ({gate.Experts} {gate.Encoding}), up ({up.Experts} {up.Encoding}) and down ({down.Experts}) do not belong together.",
                nameof(up));
        }

        if (!Any(count))
        {
            return;
        }

        int chosen = expertWeights.Width;
        var ids = View(expertIds, (long)count * chosen);
        var hiddenRows = Rows(hidden, checked(count * chosen), gate.Rows);
        expertsHidden[(int)gate.Encoding].Launch(gate.Rows, count, chosen, new()
        {
            X = Rows(x, count, gate.Columns),
            Ids = ids,
            Gate = View(gate, gate.Rows, gate.Columns),
            Up = View(up, gate.Rows, gate.Columns),
            Hidden = hiddenRows,
        });
        expertsDown[(int)down.Encoding].Launch(down.Rows, count, 1, new()
        {
            Hidden = hiddenRows,
            Ids = ids,
            Weights = Rows(expertWeights, count, chosen),
            Down = View(down, down.Rows, gate.Rows),
            Y = Rows(y, count, down.Rows),
            Chosen = chosen,
        });
    }

    private static void Check(in RouterShape shape)
    {
        if (shape.Experts <= 0 || shape.Experts > Kernels.Gpu.SelectExperts.MaxExperts)
        {
            throw new ArgumentException(
                $"A router chooses among 1 to {Kernels.Gpu.SelectExperts.MaxExperts} experts, not {shape.Experts}.", nameof(shape));
        }

        if (shape.Groups <= 0 || shape.Experts % shape.Groups != 0 || shape.GroupsKept <= 0 || shape.GroupsKept > shape.Groups)
        {
            throw new ArgumentException(
                $"{shape.GroupsKept} of {shape.Groups} groups of {shape.Experts} experts cannot be kept.", nameof(shape));
        }

        if (shape.ExpertsPerToken <= 0 || shape.ExpertsPerToken > shape.GroupsKept * (shape.Experts / shape.Groups))
        {
            throw new ArgumentException($"{shape.ExpertsPerToken} experts cannot be chosen from those in the groups kept.", nameof(shape));
        }
    }
}
