using System.Text;

namespace DeepSeekEngine;

/// <summary>Puts the calls of a streamed response together.</summary>
internal sealed class ToolCallCollector
{
    private readonly List<(ToolCallPart Call, StringBuilder Arguments)> _calls = [];

    /// <summary>Takes a piece of the response; one that is of no call is left alone.</summary>
    public void Add(GenerationChunk chunk)
    {
        if (chunk.ToolCall is { } call)
        {
            if (call.Index == _calls.Count)
            {
                _calls.Add((call, new StringBuilder()));
            }

            _calls[call.Index].Arguments.Append(chunk.Text);
        }
    }

    public IReadOnlyList<ToolCall> ToCalls()
        => _calls.Count == 0 ? [] : [.. _calls.Select(each => new ToolCall(each.Call.Id, each.Call.Name, each.Arguments.ToString()))];
}
