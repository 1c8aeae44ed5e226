using System.Text;
using Microsoft.Extensions.AI;

namespace DeepSeekEngine.Extensions.AI;

/// <summary>Messages of the abstractions as messages of the engine.</summary>
internal static class ChatMessages
{
    /// <summary>
    /// The messages, under <see cref="ChatOptions.Instructions"/>. Instructions and a first system message become one, because not every
    /// chat template has room for two.
    /// </summary>
    /// <exception cref="NotSupportedException">A role or a content is of a kind the model cannot take, or not of that role.</exception>
    public static Message[] From(IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        var converted = messages.SelectMany(From).ToList();
        if (options?.Instructions is { Length: > 0 } instructions)
        {
            if (converted is [{ Role: Role.System } system, ..])
            {
                converted[0] = system with { Content = $"{instructions}\n\n{system.Content}" };
            }
            else
            {
                converted.Insert(0, new Message(Role.System, instructions));
            }
        }

        return [.. converted];
    }

    private static Role RoleOf(ChatRole role)
        => role == ChatRole.System ? Role.System
            : role == ChatRole.User ? Role.User
            : role == ChatRole.Assistant ? Role.Assistant
            : role == ChatRole.Tool ? Role.Tool
            : throw new NotSupportedException($"The role '{role.Value}' is not supported; use system, user, assistant or tool.");

    /// <summary>A message of the engine, but one for each result of a function: the engine has the results of several apart.</summary>
    private static IEnumerable<Message> From(ChatMessage message)
    {
        var role = RoleOf(message.Role);
        var text = new StringBuilder();
        List<ToolCall> calls = [];
        List<Message> results = [];
        foreach (var content in message.Contents)
        {
            switch (content)
            {
                case TextContent part:
                    text.Append(part.Text);
                    break;

                case FunctionCallContent call when role is Role.Assistant:
                    calls.Add(FunctionCalls.From(call));
                    break;

                case FunctionResultContent result when role is Role.Tool:
                    results.Add(FunctionCalls.From(result));
                    break;

                // What a response came with but the model is not to see again.
                case TextReasoningContent or UsageContent:
                    break;

                default:
                    throw new NotSupportedException(
                        $"A message of role '{message.Role.Value}' has a {content.GetType().Name}{MediaTypeOf(content)}, which the model cannot "
                        + $"take. Supported are {nameof(TextContent)}, {nameof(FunctionCallContent)} of an assistant and "
                        + $"{nameof(FunctionResultContent)} of a tool.");
            }
        }

        return results.Count == 0 ? [new Message(role, text.ToString()) { ToolCalls = calls }]
            : text.Length == 0 ? results
            : throw new NotSupportedException(
                $"A message of role '{message.Role.Value}' has both {nameof(FunctionResultContent)} and {nameof(TextContent)}, "
                + "which the model cannot take; make the text part of a result.");
    }

    private static string MediaTypeOf(AIContent content) => content switch
    {
        DataContent data => $" ({data.MediaType})",
        UriContent uri => $" ({uri.MediaType})",
        _ => "",
    };
}
