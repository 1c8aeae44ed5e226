using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;

namespace DeepSeekEngine.Backends.Simd;

/// <summary>A matrix where it already is: in the mapped checkpoint.</summary>
internal sealed class SimdMatrix(in WeightMatrix view) : Matrix(view.Encoding, view.Rows, view.Columns)
{
    public readonly WeightMatrix View = view;

    public override void Dispose()
    {
    }
}

/// <summary>The views of all experts' matrices, in native memory so that a kernel can index them.</summary>
internal sealed unsafe class SimdExpertMatrices : ExpertMatrices
{
    private readonly NativeBuffer views;

    public SimdExpertMatrices(ReadOnlySpan<WeightMatrix> experts)
        : base(experts[0].Encoding, experts.Length, experts[0].Rows, experts[0].Columns)
    {
        views = SimdBackend.AllocateBuffer((long)experts.Length * sizeof(WeightMatrix));
        experts.CopyTo(new Span<WeightMatrix>(views.Pointer, experts.Length));
    }

    /// <exception cref="ObjectDisposedException">The matrices were disposed.</exception>
    public WeightMatrix* Views
    {
        get
        {
            ObjectDisposedException.ThrowIf(views.Pointer == null, this);
            return (WeightMatrix*)views.Pointer;
        }
    }

    public override void Dispose() => views.Dispose();
}
