using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>An associative operation to reduce by.</summary>
internal interface IReduction<T>
    where T : unmanaged
{
    static abstract T Combine(T a, T b);
}

internal readonly struct Sum : IReduction<float>
{
    public static float Combine(float a, float b) => a + b;
}

internal readonly struct Sum4 : IReduction<Float4>
{
    public static Float4 Combine(Float4 a, Float4 b) => a + b;
}

/// <summary>The larger value; <c>b</c> where <c>a</c> is not a number.</summary>
internal readonly struct Maximum : IReduction<float>
{
    public static float Combine(float a, float b) => a > b ? a : b;
}

/// <summary>
/// A reduction over the threads of a group, always by the same tree, so the same values give the same bits. All threads of the group
/// must call it and all receive the result. It begins and ends with a barrier's effect: what any thread wrote to shared memory before
/// is visible to all after, and <c>scratch</c> (GroupSize elements of shared memory) may be reused at once.
/// </summary>
internal static class GroupReduce
{
    public static T All<T, TReduction, TPlatform>(T value, ArrayView<T> scratch)
        where T : unmanaged
        where TReduction : struct, IReduction<T>
        where TPlatform : struct, IPlatform
    {
        int thread = Group.IdxX;
        scratch[thread] = value;
        Group.Barrier();
        for (int stride = TPlatform.GroupSize >> 1; stride > 0; stride >>= 1)
        {
            if (thread < stride)
            {
                scratch[thread] = TReduction.Combine(scratch[thread], scratch[thread + stride]);
            }

            Group.Barrier();
        }

        T result = scratch[0];
        Group.Barrier();
        return result;
    }
}
