using System.Runtime.CompilerServices;
using System.Threading.Channels;
using DeepSeekEngine;

namespace ChatServer;

/// <summary>Makes the responses of a request at the same time. When one fails, so does the request, and the others stop.</summary>
internal static class Choices
{
    /// <summary>All responses, whole.</summary>
    public static async Task<GenerationResult[]> GenerateAsync(IReadOnlyList<Choice> choices, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var firstFailure = new TaskCompletionSource<GenerationResult[]>();
        var all = Task.WhenAll(choices.Select(GenerateAsync));
        try
        {
            return await await Task.WhenAny(all, firstFailure.Task);
        }
        finally
        {
            await ((Task)all).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        async Task<GenerationResult> GenerateAsync(Choice choice)
        {
            try
            {
                // What one is refused for, the others need not be encoded to be refused for.
                stop.Token.ThrowIfCancellationRequested();
                return await choice.GenerateAsync(stop.Token);
            }
            catch (Exception exception)
            {
                // The others fail because this one did, so theirs are not the reason.
                firstFailure.TrySetException(exception);
                await stop.CancelAsync();
                throw;
            }
        }
    }

    /// <summary>The pieces of all responses as they come, each with the index of its response.</summary>
    public static async IAsyncEnumerable<(int Index, GenerationChunk Piece)> StreamAsync(
        IReadOnlyList<Choice> choices, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pieces = Channel.CreateBounded<(int, GenerationChunk)>(new BoundedChannelOptions(choices.Count) { SingleReader = true });
        var left = choices.Count;
        var pumps = Task.WhenAll(choices.Select(PumpAsync));
        try
        {
            await foreach (var piece in pieces.Reader.ReadAllAsync(CancellationToken.None))
            {
                yield return piece;
            }
        }
        finally
        {
            await stop.CancelAsync();
            await pumps;
        }

        async Task PumpAsync(Choice choice, int index)
        {
            try
            {
                stop.Token.ThrowIfCancellationRequested();
                await foreach (var piece in choice.StreamAsync(stop.Token))
                {
                    await pieces.Writer.WriteAsync((index, piece), stop.Token);
                }

                if (Interlocked.Decrement(ref left) == 0)
                {
                    pieces.Writer.Complete();
                }
            }
            catch (Exception exception)
            {
                // The first to fail says why; the others fail because it did.
                pieces.Writer.TryComplete(exception);
                await stop.CancelAsync();
            }
        }
    }
}
