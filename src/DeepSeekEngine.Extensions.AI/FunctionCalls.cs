using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.AI;

namespace DeepSeekEngine.Extensions.AI;

/// <summary>Calls of functions and their results, as contents of the abstractions and as the engine has them.</summary>
internal static class FunctionCalls
{
    /// <summary>Those of the abstractions, but without the line breaks and spaces, which are tokens as well.</summary>
    private static readonly JsonSerializerOptions s_options = new(AIJsonUtilities.DefaultOptions) { WriteIndented = false };

    private static readonly JsonTypeInfo s_object = s_options.GetTypeInfo(typeof(object));
    private static readonly JsonTypeInfo s_arguments = s_options.GetTypeInfo(typeof(IDictionary<string, object?>));

    /// <summary>A call with its arguments read; where they cannot be, as those of a response that was cut off, it says why.</summary>
    public static FunctionCallContent ToContent(ToolCall call)
    {
        var content = FunctionCallContent.CreateFromParsedArguments(
            call.Arguments, call.Id, call.Name, json => (IDictionary<string, object?>?)JsonSerializer.Deserialize(json, s_arguments));
        content.RawRepresentation = call;
        return content;
    }

    /// <summary>A call of an earlier response. Arguments that could not be read are shown to the model as it wrote them.</summary>
    public static ToolCall From(FunctionCallContent content)
        => content is { Arguments: null, RawRepresentation: ToolCall call }
            ? call
            : new ToolCall(
                content.CallId, content.Name,
                content.Arguments is null ? "{}" : JsonSerializer.Serialize(content.Arguments, s_arguments));

    /// <summary>What a function gave, as the model reads it: texts as they are, all else as JSON.</summary>
    public static Message From(FunctionResultContent content)
        => new(Role.Tool, content.Result switch
        {
            string text => text,
            JsonElement { ValueKind: JsonValueKind.String } text => text.GetString()!,
            var value => JsonSerializer.Serialize(value, s_object),
        })
        {
            ToolCallId = content.CallId,
        };
}

/// <summary>The calls of a streamed response. Each is passed on whole, because contents cannot be put together from parts of arguments.</summary>
internal sealed class StreamedCalls
{
    private readonly StringBuilder _arguments = new();
    private ToolCallPart? _call;

    /// <summary>Takes a piece of the response.</summary>
    /// <returns>The call that it shows to be complete; null where there is none.</returns>
    public FunctionCallContent? Add(GenerationChunk chunk)
    {
        var complete = _call is not null && (chunk.FinishReason is not null || (chunk.ToolCall ?? _call).Index != _call.Index)
            ? FunctionCalls.ToContent(new ToolCall(_call.Id, _call.Name, _arguments.ToString()))
            : null;
        if (complete is not null)
        {
            _call = null;
            _arguments.Clear();
        }

        if (chunk.ToolCall is not null)
        {
            _call = chunk.ToolCall;
            _arguments.Append(chunk.Text);
        }

        return complete;
    }
}
