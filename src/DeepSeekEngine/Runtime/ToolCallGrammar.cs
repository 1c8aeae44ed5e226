using DeepSeekEngine.Constraints;
using DeepSeekEngine.Tokenizer;

namespace DeepSeekEngine.Runtime;

/// <summary>
/// What an answer may be where tools are offered: text, calls after it, or calls alone. The tokens around calls are in no text, so there are
/// no calls but those of the grammar, of functions there are and with arguments that validate.
/// </summary>
internal static class ToolCallGrammar
{
    /// <param name="options">With one tool at least.</param>
    /// <param name="tokens">The tokens around calls.</param>
    /// <param name="form">How a call is written.</param>
    /// <exception cref="ArgumentException">The function that must be called is not one of the tools.</exception>
    /// <exception cref="UnsupportedSchemaException">The schema of a tool's arguments is malformed, not supported or satisfied by nothing.</exception>
    public static Grammar Of(GenerationOptions options, ToolTokens tokens, ToolCallForm form)
    {
        var choice = options.ToolChoice ?? ToolChoice.Auto;
        var format = options.ResponseFormat?.Grammar;
        if (choice == ToolChoice.None)
        {
            return format ?? Grammar.AnyText;
        }

        ToolDefinition[] tools = [.. options.Tools!.Where(tool => choice.FunctionName is null || tool.Name == choice.FunctionName)];
        if (tools.Length == 0)
        {
            throw new ArgumentException(
                $"The function that must be called, '{choice.FunctionName}', is not one of the tools: "
                + $"{string.Join(", ", options.Tools!.Select(tool => tool.Name))}.",
                nameof(options));
        }

        var calls = Calls(tools, options.ParallelToolCalls, tokens, form);
        return choice != ToolChoice.Auto ? calls
            : format is not null ? Grammar.AnyOf(format, calls)
            : Grammar.Sequence(Grammar.AnyText, Grammar.Repeat(calls, 0, 1));
    }

    private static Grammar Calls(ToolDefinition[] tools, bool parallel, ToolTokens tokens, ToolCallForm form)
    {
        var functions = Grammar.AnyOf([.. tools.Select(tool => Function(tool, tokens, form))]);
        Grammar[] call = form is ToolCallForm.Fenced
            ? [Grammar.Token(tokens.CallBegin), Grammar.Text("function"), Grammar.Token(tokens.Separator), functions, Grammar.Token(tokens.CallEnd)]
            : [Grammar.Token(tokens.CallBegin), functions, Grammar.Token(tokens.CallEnd)];
        Grammar[] another = form is ToolCallForm.Fenced ? [Grammar.Text("\n"), .. call] : call;
        return Grammar.Sequence(
            [
                Grammar.Token(tokens.CallsBegin), .. call, .. parallel ? [Grammar.Repeat(Grammar.Sequence(another), 0, null)] : (Grammar[])[],
                Grammar.Token(tokens.CallsEnd),
            ]);
    }

    private static Grammar Function(ToolDefinition tool, ToolTokens tokens, ToolCallForm form)
    {
        var arguments = Arguments(tool);
        return form is ToolCallForm.Fenced
            ? Grammar.Sequence(Grammar.Text($"{tool.Name}\n```json\n"), arguments, Grammar.Text("\n```"))
            : Grammar.Sequence(Grammar.Text(tool.Name), Grammar.Token(tokens.Separator), arguments);
    }

    private static Grammar Arguments(ToolDefinition tool)
    {
        try
        {
            return Grammar.JsonSchema(tool.Schema);
        }
        catch (UnsupportedSchemaException exception)
        {
            throw new UnsupportedSchemaException($"the parameters of '{tool.Name}'", exception.Message);
        }
    }
}
