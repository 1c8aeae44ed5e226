using DeepSeekEngine.Kernels;

namespace DeepSeekEngine.Backends;

/// <summary>An RMS norm: its weight, one value a column, and what is added to the mean square.</summary>
internal readonly record struct Norm(DeviceArray<float> Weight, float Epsilon);

/// <summary>The three matrices of a SwiGLU network: (silu(x Wgate^T) * (x Wup^T)) Wdown^T.</summary>
internal readonly record struct SwiGluMatrices(Matrix Gate, Matrix Up, Matrix Down);

/// <summary>The three projections of a layer's routed experts.</summary>
internal readonly record struct ExpertSet(ExpertMatrices Gate, ExpertMatrices Up, ExpertMatrices Down);

/// <summary>What <see cref="IBackend.AppendLatents"/> is told but for the count.</summary>
internal readonly record struct LatentAppend(
    Activations KeyValues, Norm Norm, DeviceArray<float> Rope, TokenTables Tokens, MlaShape Shape, Activations Cache);

/// <summary>
/// What projected heads go through before they are rotated, null what a model lacks: biases of all heads side by side, and RMS norms of a
/// head's width.
/// </summary>
internal readonly record struct HeadTransforms(
    DeviceArray<float>? QueryBias, DeviceArray<float>? KeyBias, DeviceArray<float>? ValueBias,
    DeviceArray<float>? QueryNorm, DeviceArray<float>? KeyNorm, float Epsilon);

/// <summary>
/// The operations of <see cref="IBackend"/> that are made of others, one after the other: what they mean, and how they are done where a
/// backend has nothing better.
/// </summary>
internal static class Composed
{
    public static void NormLinear(
        IBackend b, Activations x, in Norm norm, Activations normed, Matrix w, Activations y, Matrix? v, Activations z, int count)
    {
        b.RmsNorm(x, norm.Weight, norm.Epsilon, normed, count);
        b.Linear(normed, w, y, count);
        if (v is not null)
        {
            b.Linear(normed, v, z, count);
        }
    }

    public static void ProjectQueries(IBackend b, Activations x, in Norm norm, Matrix w, Activations y, in LatentAppend append, int count)
    {
        b.RmsNorm(x, norm.Weight, norm.Epsilon, x, count);
        b.Linear(x, w, y, count);
        AppendLatents(b, append, count);
    }

    public static void AppendLatents(IBackend b, in LatentAppend append, int count)
        => b.AppendLatents(
            append.KeyValues, append.Norm.Weight, append.Norm.Epsilon, append.Rope, append.Tokens, append.Shape, append.Cache, count);

    public static void AbsorbRotated(
        IBackend b, Activations q, DeviceArray<float> rope, in TokenTables tokens, Matrix kvB, in MlaShape shape, Activations absorbed,
        int count)
    {
        b.RotateQueries(q, rope, tokens, shape, count);
        b.AbsorbQueries(q, kvB, shape, absorbed, count);
    }

    public static void AddNormedSwiGlu(
        IBackend b, Activations x, in Norm norm, Activations normed, in SwiGluMatrices mlp, Activations hidden, Activations up, int count)
    {
        b.RmsNorm(x, norm.Weight, norm.Epsilon, normed, count);
        AddSwiGlu(b, normed, mlp, hidden, up, x, count);
    }

    public static void AddSwiGlu(
        IBackend b, Activations x, in SwiGluMatrices mlp, Activations hidden, Activations up, Activations y, int count)
    {
        b.Linear(x, mlp.Gate, hidden, count);
        b.Linear(x, mlp.Up, up, count);
        b.SwiGlu(hidden, up, hidden, count);
        b.LinearAdd(hidden, mlp.Down, y, count);
    }

    public static void AddExperts(
        IBackend b, Activations x, DeviceArray<int> expertIds, Activations expertWeights, in ExpertSet experts, Activations hidden,
        in SwiGluMatrices shared, Activations sharedHidden, Activations sharedUp, Activations y, int count)
    {
        b.RoutedExperts(x, expertIds, expertWeights, experts.Gate, experts.Up, experts.Down, hidden, y, count);
        AddSwiGlu(b, x, shared, sharedHidden, sharedUp, y, count);
    }
}
