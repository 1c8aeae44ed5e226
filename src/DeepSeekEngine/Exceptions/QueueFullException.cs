namespace DeepSeekEngine;

/// <summary>More requests are waiting than the engine accepts; nothing of this one was begun. Try again later, or elsewhere.</summary>
/// <param name="maxQueuedRequests">Requests that may wait: <see cref="EngineOptions.MaxQueuedRequests"/>.</param>
public sealed class QueueFullException(int maxQueuedRequests)
    : DeepSeekException(
        $"{maxQueuedRequests} requests are waiting already. Try again later, or raise {nameof(EngineOptions)}."
        + $"{nameof(EngineOptions.MaxQueuedRequests)}.")
{
    /// <summary>Requests that may wait.</summary>
    public int MaxQueuedRequests { get; } = maxQueuedRequests;
}
