using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Gpu;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <content>Rows and dense matrices.</content>
internal sealed partial class IlgpuBackend
{
    private readonly LoadedKernel<Embed.Parameters>[] embed;
    private readonly LoadedKernel<GatherRows.Parameters> gatherRows;
    private readonly LoadedKernel<RmsNorm.Parameters> rmsNorm;
    private readonly LoadedKernel<Linear.Parameters>[] linear;
    private readonly LoadedKernel<SwiGlu.Parameters> swiGlu;

    public void Embed(DeviceArray<int> tokens, Matrix table, Activations y, int count)
    {
        if (!Any(count))
        {
            return;
        }

        embed[(int)table.Encoding].LaunchElements(table.Columns, count, 1, new()
        {
            Tokens = View(tokens, count),
            Table = View(table, table.Rows, table.Columns),
            Y = Rows(y, count, table.Columns),
        });
    }

    public void GatherRows(Activations x, DeviceArray<int> rows, Activations y, int count)
    {
        if (!Any(count))
        {
            return;
        }

        gatherRows.LaunchElements(x.Width, count, 1, new()
        {
            X = Rows(x, 1, x.Width),
            Rows = View(rows, count),
            Y = Rows(y, count, x.Width),
            Width = x.Width,
        });
    }

    public void RmsNorm(Activations x, DeviceArray<float> weight, float epsilon, Activations y, int count)
    {
        if (!Any(count))
        {
            return;
        }

        RowView rows = Rows(x, count, x.Width);
        rmsNorm.Launch(count, 1, 1, new()
        {
            X = rows,
            Weight = View(weight, x.Width),
            Epsilon = epsilon,
            Y = Rows(y, count, x.Width),
            Width = x.Width,
            Aligned = rows.IsAligned(x.Width) ? 1 : 0,
        });
    }

    public void Linear(Activations x, Matrix weight, Activations y, int count) => Linear(x, weight, y, count, accumulate: 0);

    public void LinearAdd(Activations x, Matrix weight, Activations y, int count) => Linear(x, weight, y, count, accumulate: 1);

    public void SwiGlu(Activations gate, Activations up, Activations y, int count)
    {
        if (!Any(count))
        {
            return;
        }

        swiGlu.LaunchElements(gate.Width, count, 1, new()
        {
            Gate = Rows(gate, count, gate.Width),
            Up = Rows(up, count, gate.Width),
            Y = Rows(y, count, gate.Width),
            Width = gate.Width,
        });
    }

    private void Linear(in Activations x, Matrix weight, in Activations y, int count, int accumulate)
    {
        if (!Any(count))
        {
            return;
        }

        WeightView weights = View(weight, weight.Rows, weight.Columns);
        RowView input = Rows(x, count, weight.Columns);
        RowView output = Rows(y, count, weight.Rows);
        if (LinearByTensorCores(input, weight, weights, output, count, accumulate))
        {
            return;
        }

        linear[(int)weight.Encoding].Launch(PackedLayout.Panels(weight.Rows), TokenTiles(count), 1, new()
        {
            Weight = weights,
            X = input,
            Y = output,
            Tokens = count,
            Accumulate = accumulate,
        });
    }
}
