using System.Text.Json;
using Json.Schema;

namespace DeepSeekEngine.Tests.Constraints;

/// <summary>An independent validator's word on what satisfies a schema.</summary>
internal sealed class SchemaJudge(string schema)
{
    private static readonly EvaluationOptions s_options = new() { RequireFormatValidation = true, OutputFormat = OutputFormat.List };

    private readonly JsonSchema _schema = JsonSchema.FromText(schema);

    /// <summary>What is wrong with an answer; null if it is JSON and valid.</summary>
    public string? Objection(string answer)
    {
        try
        {
            using var document = JsonDocument.Parse(answer, new JsonDocumentOptions { AllowDuplicateProperties = false });
            var results = _schema.Evaluate(document.RootElement, s_options);
            return results.IsValid
                ? null
                : string.Join("; ", (results.Details ?? []).Where(detail => detail.Errors is not null).Select(
                    detail => $"{detail.EvaluationPath}: {string.Join(", ", detail.Errors!.Values)}").Append("invalid"));
        }
        catch (JsonException e)
        {
            return e.Message;
        }
    }
}
