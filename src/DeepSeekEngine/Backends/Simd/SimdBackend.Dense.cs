using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;

namespace DeepSeekEngine.Backends.Simd;

/// <content>Embedding, normalisation, linear layers and their activation.</content>
internal sealed unsafe partial class SimdBackend
{
    public void Embed(DeviceArray<int> tokens, Matrix table, Activations y, int count)
    {
        if (!Any(count))
        {
            return;
        }

        var job = new EmbedJob
        {
            Tokens = SimdArguments.Elements(tokens, count),
            Table = SimdArguments.View(table, table.Rows, y.Width),
            Y = SimdArguments.View(y, y.Width, count),
        };
        pool.For(ref job, count, RowGrain(y.Width));
    }

    public void GatherRows(Activations x, DeviceArray<int> rows, Activations y, int count)
    {
        if (!Any(count))
        {
            return;
        }

        var job = new GatherRowsJob
        {
            X = SimdArguments.View(x, y.Width, out long available),
            RowNumbers = SimdArguments.Elements(rows, count),
            Available = available,
            Y = SimdArguments.View(y, y.Width, count),
        };
        pool.For(ref job, count, RowGrain(y.Width));
    }

    public void RmsNorm(Activations x, DeviceArray<float> weight, float epsilon, Activations y, int count)
    {
        if (!Any(count))
        {
            return;
        }

        var job = new RmsNormJob
        {
            X = SimdArguments.View(x, x.Width, count),
            Weight = SimdArguments.Elements(weight, x.Width),
            Epsilon = epsilon,
            Y = SimdArguments.View(y, x.Width, count),
        };
        pool.For(ref job, count, RowGrain(x.Width));
    }

    public void Linear(Activations x, Matrix weight, Activations y, int count) => Linear(x, weight, y, count, accumulate: false);

    public void LinearAdd(Activations x, Matrix weight, Activations y, int count) => Linear(x, weight, y, count, accumulate: true);

    public void SwiGlu(Activations gate, Activations up, Activations y, int count)
    {
        if (!Any(count))
        {
            return;
        }

        var job = new SwiGluJob
        {
            Gate = SimdArguments.View(gate, gate.Width, count),
            Up = SimdArguments.View(up, gate.Width, count),
            Y = SimdArguments.View(y, gate.Width, count),
        };
        pool.For(ref job, checked(SwiGluJob.TasksPerToken(gate.Width) * count), RowGrain(Math.Min(gate.Width, SwiGluJob.Block)));
    }

    public void Add(Activations x, Activations y, int count)
    {
        if (!Any(count))
        {
            return;
        }

        var job = new AddJob { X = SimdArguments.View(x, x.Width, count), Y = SimdArguments.View(y, x.Width, count) };
        pool.For(ref job, checked(AddJob.TasksPerToken(x.Width) * count), RowGrain(Math.Min(x.Width, AddJob.Block)));
    }

    private void Linear(Activations x, Matrix weight, Activations y, int count, bool accumulate)
    {
        if (!Any(count))
        {
            return;
        }

        WeightMatrix matrix = SimdArguments.View(weight, y.Width, x.Width);
        Rows inputs = SimdArguments.View(x, x.Width, count);
        var job = new LinearJob
        {
            Matrix = matrix,
            X = inputs,
            Y = SimdArguments.View(y, y.Width, count),
            Packed = matrix.IsPacked ? Quantize(inputs, count, 1, x.Width) : default,
            Count = count,
            Scratch = Scratch(LinearJob.ScratchBytes),
            Accumulate = accumulate,
            Parts = 1,
            RowsPerPart = y.Width,
        };
        pool.For(ref job, job.Tasks);
    }
}
