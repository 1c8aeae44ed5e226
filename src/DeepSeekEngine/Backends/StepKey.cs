using System.Numerics;

namespace DeepSeekEngine.Backends;

/// <summary>All that distinguishes the operations of one decode step from those of another on the same arrays.</summary>
/// <param name="Owner">Whose arrays they are.</param>
/// <param name="Tokens">Tokens in the step, each of a sequence of its own.</param>
/// <param name="Outputs">Rows whose logits are wanted.</param>
/// <param name="MaxContext">The bound on contexts the operations are issued with, from <see cref="Bound"/>.</param>
/// <param name="Form">The form attention is told to take.</param>
internal readonly record struct StepKey(object Owner, int Tokens, int Outputs, int MaxContext, int Form)
{
    private const int Finest = 256;

    /// <summary>
    /// A bound for contexts of nearly this length, so that few different ones occur while they grow: at most an eighth above, or the
    /// next multiple of 256.
    /// </summary>
    public static int Bound(int maxContext, int contextLength)
    {
        var grain = Math.Max(Finest, (int)(BitOperations.RoundUpToPowerOf2((uint)maxContext) / 16));
        return (int)Math.Min(contextLength, ((long)maxContext + grain - 1) / grain * grain);
    }
}
