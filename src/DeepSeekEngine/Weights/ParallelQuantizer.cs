using System.Runtime.ExceptionServices;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;

namespace DeepSeekEngine.Weights;

/// <summary>Quantises panels of a matrix on several threads. The result does not depend on their number.</summary>
internal sealed unsafe class ParallelQuantizer(int threads, CancellationToken cancellationToken)
{
    /// <summary>Panels a thread takes at a time: enough work to be worth a hand-over, little enough that all threads end together.</summary>
    private const int PanelsAtOnce = 4;

    private readonly ParallelOptions _options = new() { MaxDegreeOfParallelism = threads, CancellationToken = cancellationToken };

    /// <param name="source">A matrix that is not packed.</param>
    /// <param name="target">Int8 or Int4.</param>
    /// <param name="destination">
    /// Where panel 0 begins, or would begin: only the panels asked for are written. A multiple of <see cref="PackedLayout.Alignment"/>.
    /// </param>
    /// <exception cref="NotFiniteNumberException">A weight is infinite or not a number.</exception>
    public void Quantize(WeightMatrix source, WeightEncoding target, int firstPanel, int panels, byte* destination)
    {
        long scratchBytes = (long)Quantizer.ScratchLength(source.Columns) * sizeof(float);
        try
        {
            Parallel.For(
                0, (panels + PanelsAtOnce - 1) / PanelsAtOnce, _options, () => new NativeBuffer(scratchBytes),
                (part, _, scratch) =>
                {
                    int first = part * PanelsAtOnce;
                    int count = Math.Min(PanelsAtOnce, panels - first);
                    Quantizer.Quantize(source, target, firstPanel + first, count, destination, (float*)scratch.Pointer);
                    return scratch;
                },
                scratch => scratch.Dispose());
        }
        catch (AggregateException exception)
        {
            // Whichever thread met it: one fault is enough to know of.
            ExceptionDispatchInfo.Throw(exception.InnerExceptions[0]);
        }
    }
}
