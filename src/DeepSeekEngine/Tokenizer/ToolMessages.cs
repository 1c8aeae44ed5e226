namespace DeepSeekEngine.Tokenizer;

/// <summary>Matches the results of tools to the calls they are of.</summary>
internal static class ToolMessages
{
    /// <summary>
    /// The messages, with the results that follow an assistant's calls in the order of those calls: chat templates write no ids, so that a
    /// model tells results by their order alone.
    /// </summary>
    /// <exception cref="ArgumentException">A result is of no call, or of one that has a result; or a message has what its role cannot.</exception>
    public static IReadOnlyList<Message> InOrderOfCalls(IReadOnlyList<Message> messages)
    {
        List<Message> ordered = new(messages.Count);
        int at = 0;
        while (at < messages.Count)
        {
            Message message = messages[at++];
            Check(message);
            ordered.Add(message);
            if (message is { Role: Role.Tool, ToolCallId: not null })
            {
                throw OfNoCall(message);
            }

            if (message.ToolCalls.Count > 0)
            {
                int end = at;
                while (end < messages.Count && messages[end].Role == Role.Tool)
                {
                    Check(messages[end++]);
                }

                ordered.AddRange(Match(message.ToolCalls, [.. messages.Skip(at).Take(end - at)]));
                at = end;
            }
        }

        return ordered;
    }

    private static IEnumerable<Message> Match(IReadOnlyList<ToolCall> calls, Message[] results)
    {
        Message?[] slots = new Message?[calls.Count];
        Dictionary<string, int> indices = new(StringComparer.Ordinal);
        for (int i = 0; i < calls.Count; i++)
        {
            if (!indices.TryAdd(calls[i].Id, i))
            {
                throw new ArgumentException($"Two calls of a message have the id '{calls[i].Id}'.", nameof(calls));
            }
        }

        foreach (Message result in results.Where(result => result.ToolCallId is not null))
        {
            if (!indices.TryGetValue(result.ToolCallId!, out int index))
            {
                throw OfNoCall(result);
            }

            slots[index] = slots[index] is null
                ? result
                : throw new ArgumentException($"The call '{result.ToolCallId}' has two results.", nameof(results));
        }

        int next = 0;
        foreach (Message result in results.Where(result => result.ToolCallId is null))
        {
            next = Array.IndexOf(slots, null, next);
            if (next < 0)
            {
                throw new ArgumentException($"There are {results.Length} results of {calls.Count} calls.", nameof(results));
            }

            slots[next] = result;
        }

        return slots.OfType<Message>();
    }

    private static void Check(Message message)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (message.ToolCalls.Count > 0 && message.Role != Role.Assistant)
        {
            throw new ArgumentException($"A message of the role {message.Role} calls tools; only {Role.Assistant} does.", nameof(message));
        }

        if (message.ToolCallId is not null && message.Role != Role.Tool)
        {
            throw new ArgumentException(
                $"A message of the role {message.Role} has a {nameof(Message.ToolCallId)}; only results, of the role {Role.Tool}, have.",
                nameof(message));
        }
    }

    private static ArgumentException OfNoCall(Message result)
        => new($"A result is of the call '{result.ToolCallId}', which the assistant's message before it does not make.", nameof(result));
}
