using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Gpu;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <content>
/// Operations made of others in fewer launches, for the few tokens of a decode step, in which a launch takes about as long as what it does.
/// With more tokens, computing a norm once is worth a launch.
/// </content>
internal sealed partial class IlgpuBackend
{
    private readonly LoadedKernel<NormLinear.Parameters>[] normLinear;
    private readonly LoadedKernel<ProjectQueries.Parameters>[] projectQueries;
    private readonly LoadedKernel<NormSwiGlu.Parameters>[] normSwiGlu;

    public void NormLinear(
        Activations x, in Norm norm, Activations normed, Matrix w, Activations y, Matrix? v, Activations z, int count)
    {
        if (!AreFew(count) || (v is not null && v.Encoding != w.Encoding))
        {
            Composed.NormLinear(this, x, norm, normed, w, y, v, z, count);
            return;
        }

        if (!Any(count))
        {
            return;
        }

        RowView output = Rows(y, count, w.Rows);
        WeightView weights = View(w, w.Rows, x.Width);
        int panels = PackedLayout.Panels(w.Rows) + (v is null ? 0 : PackedLayout.Panels(v.Rows));
        normLinear[(int)w.Encoding].Launch(panels, TokenTiles(count), 1, new()
        {
            Norm = View(x, norm, count),
            Normed = Rows(normed, count, x.Width),
            W = weights,
            V = v is null ? weights : View(v, v.Rows, x.Width),
            Y = output,
            Z = v is null ? output : Rows(z, count, v.Rows),
            Tokens = count,
            Panels = panels,
        });
    }

    public void ProjectQueries(Activations x, in Norm norm, Matrix w, Activations y, in LatentAppend append, int count)
    {
        if (!AreFew(count))
        {
            Composed.ProjectQueries(this, x, norm, w, y, append, count);
            return;
        }

        if (!Any(count))
        {
            return;
        }

        projectQueries[(int)w.Encoding].Launch(PackedLayout.Panels(w.Rows) + 1, TokenTiles(count), 1, new()
        {
            Norm = View(x, norm, count),
            W = View(w, w.Rows, x.Width),
            Y = Rows(y, count, w.Rows),
            Append = View(append, count),
            Tokens = count,
        });
        Store(append, count);
    }

    public void AbsorbRotated(
        Activations q, DeviceArray<float> rope, in TokenTables tokens, Matrix kvB, in MlaShape shape, Activations absorbed, int count)
    {
        if (Any(count))
        {
            AbsorbQueries(q, kvB, shape, absorbed, count, 1, RopeTable(rope, tokens, shape.Rope), View(tokens, count));
        }
    }

    public void AddNormedSwiGlu(
        Activations x, in Norm norm, Activations normed, in SwiGluMatrices mlp, Activations hidden, Activations up, int count)
    {
        if (!AreFew(count) || mlp.Gate.Encoding != mlp.Up.Encoding)
        {
            Composed.AddNormedSwiGlu(this, x, norm, normed, mlp, hidden, up, count);
            return;
        }

        if (!Any(count))
        {
            return;
        }

        Matrix gate = mlp.Gate;
        normSwiGlu[(int)gate.Encoding].Launch(PackedLayout.Panels(gate.Rows), TokenTiles(count), 1, new()
        {
            Norm = View(x, norm, count),
            Gate = View(gate, gate.Rows, x.Width),
            Up = View(mlp.Up, gate.Rows, x.Width),
            Hidden = Rows(hidden, count, gate.Rows),
            Tokens = count,
        });
        LinearAdd(hidden, mlp.Down, x, count);
    }

    public void AddExperts(
        Activations x, DeviceArray<int> expertIds, Activations expertWeights, in ExpertSet experts, Activations hidden,
        in SwiGluMatrices shared, Activations sharedHidden, Activations sharedUp, Activations y, int count)
    {
        bool alike = shared.Gate.Encoding == experts.Gate.Encoding && shared.Up.Encoding == experts.Gate.Encoding
            && shared.Down.Encoding == experts.Down.Encoding;
        if (!AreFew(count) || !alike)
        {
            Composed.AddExperts(this, x, expertIds, expertWeights, experts, hidden, shared, sharedHidden, sharedUp, y, count);
            return;
        }

        Matrix gate = shared.Gate;
        Experts(x, expertIds, expertWeights, experts, hidden, y, count, Any(count) ? new SharedViews
        {
            Gate = View(gate, gate.Rows, x.Width),
            Up = View(shared.Up, gate.Rows, x.Width),
            Down = View(shared.Down, x.Width, gate.Rows),
            Hidden = Rows(sharedHidden, count, gate.Rows),
        } : null);
    }

    private NormView View(in Activations x, in Norm norm, int count)
    {
        RowView rows = Rows(x, count, x.Width);
        return new NormView
        {
            X = rows,
            Weight = View(norm.Weight, x.Width),
            Epsilon = norm.Epsilon,
            Width = x.Width,
            Aligned = rows.IsAligned(x.Width) ? 1 : 0,
        };
    }

    /// <summary>The shared experts, checked.</summary>
    private readonly struct SharedViews
    {
        public required WeightView Gate { get; init; }

        public required WeightView Up { get; init; }

        public required WeightView Down { get; init; }

        public required RowView Hidden { get; init; }
    }
}
