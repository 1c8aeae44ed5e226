using System.Runtime.CompilerServices;
using System.Text;

namespace DeepSeekEngine;

/// <summary>
/// A conversation that remembers what was said. Earlier reasoning is left out of later prompts, as the models were trained, and what of a
/// prompt the cache still holds is not computed again. One answer at a time; different conversations are independent.
/// </summary>
public sealed class Conversation
{
    private readonly DeepSeekModel _model;
    private readonly List<Message> _messages = [];
    private readonly string? _system;
    private int _answering;

    internal Conversation(DeepSeekModel model, string? system)
    {
        _model = model;
        _system = system;
        Reset();
    }

    /// <summary>What was said so far, answers without their reasoning. An answer that was not completed is not in it.</summary>
    public IReadOnlyList<Message> Messages => _messages.AsReadOnly();

    /// <summary>Forgets everything but the system message.</summary>
    /// <exception cref="InvalidOperationException">An answer is being given.</exception>
    public void Reset()
    {
        if (Volatile.Read(ref _answering) != 0)
        {
            throw new InvalidOperationException("The conversation is in the middle of an answer.");
        }

        _messages.Clear();
        if (_system is not null)
        {
            _messages.Add(new Message(Role.System, _system));
        }
    }

    /// <summary>Says something and gets the whole answer.</summary>
    /// <inheritdoc cref="StreamAsync"/>
    public Task<GenerationResult> SendAsync(
        string message, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => GenerationResult.CollectAsync(StreamAsync(message, options, cancellationToken));

    /// <summary>
    /// Says something and gets the answer piece by piece. Message and answer become part of the conversation with its last piece; where
    /// the enumeration is left before, the conversation stays as it was.
    /// </summary>
    /// <param name="message">What the user says.</param>
    /// <param name="options">How to generate.</param>
    /// <param name="cancellationToken">Stops the answer.</param>
    /// <exception cref="InvalidOperationException">An answer is being given already.</exception>
    /// <exception cref="ContextLengthExceededException">The conversation has outgrown the context.</exception>
    public IAsyncEnumerable<GenerationChunk> StreamAsync(
        string message, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        return AnswerAsync([new Message(Role.User, message)], options, cancellationToken);
    }

    /// <summary>Says what the calls of the last answer gave and gets the whole answer to that.</summary>
    /// <inheritdoc cref="StreamToolResultsAsync"/>
    public Task<GenerationResult> SendToolResultsAsync(
        IReadOnlyList<Message> results, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => GenerationResult.CollectAsync(StreamToolResultsAsync(results, options, cancellationToken));

    /// <summary>
    /// Says what the calls of the last answer gave and gets the answer to that piece by piece; else as <see cref="StreamAsync"/>.
    /// </summary>
    /// <param name="results">
    /// Messages of <see cref="Role.Tool"/>, one for each call, in any order where they have <see cref="Message.ToolCallId"/>.
    /// </param>
    /// <param name="options">How to generate, with the tools again.</param>
    /// <param name="cancellationToken">Stops the answer.</param>
    /// <exception cref="ArgumentException">There is no result, one is no result, or one is of no call.</exception>
    /// <exception cref="InvalidOperationException">An answer is being given already.</exception>
    /// <exception cref="ContextLengthExceededException">The conversation has outgrown the context.</exception>
    public IAsyncEnumerable<GenerationChunk> StreamToolResultsAsync(
        IReadOnlyList<Message> results, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(results);
        return results.Count > 0 && results.All(result => result.Role is Role.Tool)
            ? AnswerAsync([.. results], options, cancellationToken)
            : throw new ArgumentException($"Results of tools are messages of the role {Role.Tool}, one at least.", nameof(results));
    }

    private async IAsyncEnumerable<GenerationChunk> AnswerAsync(
        Message[] said, GenerationOptions? options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _answering, 1) != 0)
        {
            throw new InvalidOperationException("The conversation is in the middle of an answer.");
        }

        try
        {
            var answer = new StringBuilder();
            var calls = new ToolCallCollector();
            await foreach (var chunk in _model.StreamAsync([.. _messages, .. said], options, cancellationToken).ConfigureAwait(false))
            {
                if (chunk.Kind is ChunkKind.Answer)
                {
                    answer.Append(chunk.Text);
                }

                calls.Add(chunk);
                if (chunk.FinishReason is not null)
                {
                    _messages.AddRange(said);
                    _messages.Add(new Message(Role.Assistant, answer.ToString()) { ToolCalls = calls.ToCalls() });
                }

                yield return chunk;
            }
        }
        finally
        {
            Volatile.Write(ref _answering, 0);
        }
    }
}
