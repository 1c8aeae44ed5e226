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
    /// <exception cref="NotSupportedException">A role or a content is of a kind the model cannot take.</exception>
    public static Message[] From(IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        var converted = messages.Select(message => new Message(RoleOf(message.Role), TextOf(message))).ToList();
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

    private static string TextOf(ChatMessage message)
    {
        var text = new StringBuilder();
        foreach (var content in message.Contents)
        {
            switch (content)
            {
                case TextContent part:
                    text.Append(part.Text);
                    break;

                // What a response came with but the model is not to see again.
                case TextReasoningContent or UsageContent:
                    break;

                default:
                    throw new NotSupportedException(
                        $"A message of role '{message.Role.Value}' has a {content.GetType().Name}{MediaTypeOf(content)}, which the model cannot "
                        + $"take. Only {nameof(TextContent)} is supported.");
            }
        }

        return text.ToString();
    }

    private static string MediaTypeOf(AIContent content) => content switch
    {
        DataContent data => $" ({data.MediaType})",
        UriContent uri => $" ({uri.MediaType})",
        _ => "",
    };
}
