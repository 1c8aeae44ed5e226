namespace DeepSeekEngine.Tool.Chat;

/// <summary>A question and what the model made of it.</summary>
/// <param name="Answer">Its answer; as far as it came where the answer was stopped.</param>
/// <param name="FinishReason">Null where the answer was stopped.</param>
/// <param name="Usage">Null where the answer was stopped.</param>
internal sealed record Exchange(string Question, string Reasoning, string Answer, FinishReason? FinishReason, Usage? Usage);
