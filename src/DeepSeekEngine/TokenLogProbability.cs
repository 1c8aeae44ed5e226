namespace DeepSeekEngine;

/// <summary>How probable the model found a token, before penalties, temperature and truncation.</summary>
/// <param name="TokenId">The token.</param>
/// <param name="Text">Its text as far as it is whole characters; the replacement character stands for bytes that are not.</param>
/// <param name="LogProbability">The natural logarithm of its probability among all tokens.</param>
public readonly record struct TokenLogProbability(int TokenId, string Text, float LogProbability);

/// <summary>A produced token and those that could have stood in its place.</summary>
/// <param name="Token">The token produced.</param>
/// <param name="Top">The most probable tokens, most probable first; as many as were asked for.</param>
public sealed record TokenAlternatives(TokenLogProbability Token, IReadOnlyList<TokenLogProbability> Top);
