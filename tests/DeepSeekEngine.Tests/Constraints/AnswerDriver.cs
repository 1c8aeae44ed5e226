using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using DeepSeekEngine.Constraints;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Constraints;

/// <summary>
/// Chooses tokens as a model would that knows nothing: by random logits of several kinds. After a number of tokens it hurries to an end, so
/// that there is an answer to judge.
/// </summary>
internal sealed class AnswerDriver
{
    private const int MaxTokens = 5000;

    /// <summary>What ends a value soonest, outside of strings.</summary>
    private const string Closers = "}]\":,0123456789ntf-.aeul[{";

    /// <summary>What the patterns of the tests ask for.</summary>
    private static readonly byte[] s_asked = Encoding.UTF8.GetBytes("abcxyz 012_-éüαω\\n\\u@.");

    private readonly Vocabularies.Vocabulary _vocabulary;

    private readonly Random _random;

    private readonly float[] _logits;

    private readonly ulong[][] _favourites;

    public AnswerDriver(Vocabularies.Vocabulary vocabulary, int seed)
    {
        _vocabulary = vocabulary;
        _random = new Random(seed);
        _logits = [.. Enumerable.Range(0, vocabulary.Tokens.Size).Select(_ => _random.NextSingle())];
        _favourites = [Of("{}[]:,\" \n"), Of("\"abcdefghijklmnopqrstuvwxyz"), Of("0123456789.-eE,]}"), Of("\\u0123456789abcdefDd8\"/nrt"), Of("{[\":a")];
    }

    /// <summary>An answer that a grammar allows.</summary>
    /// <param name="grammar">The grammar.</param>
    /// <param name="patience">After how many tokens to hurry.</param>
    /// <param name="names">Names of members that may be required.</param>
    /// <param name="inspect">Called before each token is chosen.</param>
    public string Answer(Grammar grammar, int patience, IReadOnlyList<string> names, Action<Matcher>? inspect = null)
    {
        var matcher = _vocabulary.Begin(grammar);
        List<int> answer = [];
        var kind = _random.Next(8);
        while (answer.Count < MaxTokens)
        {
            var allowed = matcher.Allowed();
            Assert.That(TokenMask.Count(allowed), Is.Positive, () => $"dead end after {Text(answer)}");
            Assert.That(TokenMask.Contains(allowed, _vocabulary.End), Is.EqualTo(matcher.MayEnd));
            inspect?.Invoke(matcher);
            var isHurried = answer.Count >= patience;
            var (isInString, isEscaped) = isHurried ? Place(answer) : default;
            if (isInString && !isEscaped && MayNeedName(answer, allowed) && Spell(grammar, answer, names) is { } name)
            {
                name.ForEach(matcher.Accept);
                answer.AddRange(name);
                continue;
            }

            var token = isHurried ? Hurry(allowed, isEscaped ? "" : isInString ? "\"" : Closers) : Choose(allowed, kind);
            if (token == _vocabulary.End)
            {
                return Text(answer);
            }

            Assert.That(matcher.MustEnd, Is.False, "something is allowed though the answer must end");
            matcher.Accept(token);
            answer.Add(token);
        }

        Assert.Fail($"no end after {Text(answer)}");
        return "";
    }

    public string Text(IReadOnlyList<int> answer) => _vocabulary.Tokenizer.Decode([.. answer], skipSpecial: false);

    private int Choose(ReadOnlySpan<ulong> allowed, int kind)
    {
        if (kind == 0)
        {
            float[] logits = [.. _logits];
            TokenMask.Apply(allowed, logits);
            return Array.IndexOf(logits, logits.Max());
        }

        if (kind <= _favourites.Length && _random.Next(10) > 0)
        {
            var favourites = _favourites[kind - 1].ToArray();
            for (var word = 0; word < favourites.Length; word++)
            {
                favourites[word] &= allowed[word];
            }

            if (TokenMask.Tokens(favourites) is { Length: > 0 } some)
            {
                return some[_random.Next(some.Length)];
            }
        }

        var all = TokenMask.Tokens(allowed);
        return all[_random.Next(all.Length)];
    }

    private int Hurry(ReadOnlySpan<ulong> allowed, string closers)
    {
        if (TokenMask.Contains(allowed, _vocabulary.End))
        {
            return _vocabulary.End;
        }

        foreach (var closer in closers)
        {
            if (TokenMask.Contains(allowed, _vocabulary.ByteTokens[closer]))
            {
                return _vocabulary.ByteTokens[closer];
            }
        }

        var (asked, rest) = (new List<int>(), new List<int>());
        for (var value = 0; value < _vocabulary.ByteTokens.Length; value++)
        {
            if (_vocabulary.ByteTokens[value] is > 0 and var token && TokenMask.Contains(allowed, token))
            {
                (s_asked.Contains((byte)value) ? asked : rest).Add(token);
            }
        }

        var from = rest.Count == 0 || (asked.Count > 0 && _random.Next(4) > 0) ? asked : rest;
        return from[_random.Next(from.Count)];
    }

    /// <summary>Whether a key may just have begun, or cannot end as it is.</summary>
    private bool MayNeedName(List<int> answer, ReadOnlySpan<ulong> allowed)
        => Text(answer).EndsWith('"') || (!TokenMask.Contains(allowed, _vocabulary.ByteTokens['"']) && _random.Next(4) == 0);

    /// <summary>Whether an answer ends in a string, and there after a backslash.</summary>
    private (bool IsInString, bool IsEscaped) Place(List<int> answer)
    {
        var isInString = false;
        var isEscaped = false;
        foreach (var character in Text(answer))
        {
            isInString ^= character == '"' && !isEscaped;
            isEscaped = character == '\\' && !isEscaped;
        }

        return (isInString, isEscaped);
    }

    /// <summary>The tokens of one of some names, with its closing quote, that may follow an answer.</summary>
    private List<int>? Spell(Grammar grammar, List<int> answer, IReadOnlyList<string> names)
    {
        foreach (var name in names)
        {
            var matcher = _vocabulary.Begin(grammar);
            answer.ForEach(matcher.Accept);
            List<int> tokens = [.. Encoding.UTF8.GetBytes(JsonEncodedText.Encode(name, JavaScriptEncoder.UnsafeRelaxedJsonEscaping) + "\"").Select(value => _vocabulary.ByteTokens[value])];
            if (tokens.TrueForAll(token =>
            {
                var isAllowed = matcher.Allows(token);
                if (isAllowed)
                {
                    matcher.Accept(token);
                }

                return isAllowed;
            }))
            {
                return tokens;
            }
        }

        return null;
    }

    private ulong[] Of(string characters)
    {
        var mask = new ulong[_vocabulary.Tokens.MaskLength];
        for (var token = 0; token < _vocabulary.Tokens.Size; token++)
        {
            if (_vocabulary.Tokens.IsText(token) && !_vocabulary.Tokens.Bytes(token).ContainsAnyExcept(Encoding.ASCII.GetBytes(characters)))
            {
                TokenMask.Add(mask, token);
            }
        }

        return mask;
    }
}
