using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Gpu;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <content>Mixture of experts.</content>
internal sealed partial class IlgpuBackend
{
    /// <summary>Tokens up to which blocks are small, so that there are enough groups when each expert has few tokens anyway.</summary>
    private const int FewTokens = 16;

    private const int FewBlockTokens = 4;

    private readonly StepBuffer<int> orders;
    private readonly LoadedKernel<SelectExperts.Parameters> selectExperts;
    private readonly LoadedKernel<ExpertOrder.Parameters> expertOrder;
    private readonly LoadedKernel<RoutedExperts.HiddenParameters>[] expertsHidden;
    private readonly LoadedKernel<RoutedExperts.DownParameters>[] expertsDown;

    /// <summary>Whether so many tokens are computed in as few launches as can be, and by no tensor cores.</summary>
    private bool AreFew(int count) => count <= FewTokens && (!mayRound || count < tensorCoreTokens);

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
        => Experts(x, expertIds, expertWeights, new ExpertSet(gate, up, down), hidden, y, count, null);

    private void Experts(
        in Activations x, DeviceArray<int> expertIds, in Activations expertWeights, in ExpertSet experts, in Activations hidden,
        in Activations y, int count, in SharedViews? shared)
    {
        (ExpertMatrices gate, ExpertMatrices up, ExpertMatrices down) = experts;
        if (gate.Encoding != up.Encoding || gate.Experts != up.Experts || gate.Experts != down.Experts)
        {
            throw new ArgumentException(
                $"gate ({gate.Experts} {gate.Encoding}), up ({up.Experts} {up.Encoding}) and down ({down.Experts}) do not belong together.",
                nameof(experts));
        }

        if (!Any(count))
        {
            return;
        }

        int chosen = expertWeights.Width;
        int slots = checked(count * chosen);
        int blockTokens = count <= FewTokens ? FewBlockTokens : Kernels.Gpu.RoutedExperts.MaxBlockTokens;
        int blockSlots = blockTokens * chosen;
        var ids = View(expertIds, slots);
        var hiddenRows = Rows(hidden, slots, gate.Rows);
        var input = Rows(x, count, gate.Columns);
        var weights = Rows(expertWeights, count, chosen);
        var output = Rows(y, count, down.Rows);
        var gateView = View(gate, gate.Rows, gate.Columns);
        var upView = View(up, gate.Rows, gate.Columns);
        var downView = View(down, down.Rows, gate.Rows);
        if (ExpertsByTensorCores(experts, gateView, upView, downView, input, ids, weights, hiddenRows, output, count, chosen))
        {
            return;
        }

        var order = orders.Get(2L * slots);
        expertOrder.LaunchElements(slots, 1, 1, new() { Ids = ids, Order = order, Slots = slots, BlockSlots = blockSlots });
        int panels = PackedLayout.Panels(gate.Rows);
        int sharedGroups = shared is { } views ? (PackedLayout.Panels(views.Gate.Rows) + panels - 1) / panels : 0;
        expertsHidden[(int)gate.Encoding].Launch(checked(slots + TokenTiles(count) * sharedGroups), panels, 1, new()
        {
            X = input,
            Ids = ids,
            Order = order,
            Gate = gateView,
            Up = upView,
            Hidden = hiddenRows,
            Chosen = chosen,
            Slots = slots,
            BlockSlots = blockSlots,
            SharedGate = shared?.Gate ?? gateView,
            SharedUp = shared?.Up ?? upView,
            SharedHidden = shared?.Hidden ?? hiddenRows,
            SharedGroups = sharedGroups,
        });
        expertsDown[(int)down.Encoding].Launch(PackedLayout.Panels(down.Rows), (slots + blockSlots - 1) / blockSlots, 1, new()
        {
            Hidden = hiddenRows,
            Ids = ids,
            Order = order,
            Weights = weights,
            Down = downView,
            Y = output,
            Chosen = chosen,
            Slots = slots,
            BlockSlots = blockSlots,
            SharedDown = shared?.Down ?? downView,
            SharedHidden = shared?.Hidden ?? hiddenRows,
            HasShared = shared is null ? 0 : 1,
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
