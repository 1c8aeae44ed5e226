using DeepSeekEngine.Constraints;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Constraints;

/// <summary>Masks are what stepping each token by itself gives, whether they were kept or are computed anew.</summary>
[Parallelizable(ParallelScope.Self)]
public class MaskTests
{
    [Test]
    public void Masks_allow_what_stepping_allows([Range(0, 39)] int seed)
    {
        Grammar grammar;
        try
        {
            grammar = seed % 4 == 0 ? Grammar.Json() : Grammar.JsonSchema(new SchemaGenerator(seed).Schema());
        }
        catch (UnsupportedSchemaException e) when (e.Message.Contains("No value satisfies", StringComparison.Ordinal))
        {
            return;
        }

        Compare(Vocabularies.Tiny, grammar, SchemaGenerator.Names, seed, step: 1);
    }

    [TestCaseSource(typeof(RealisticSchemas), nameof(RealisticSchemas.Cases))]
    public void Masks_of_the_real_vocabulary_allow_what_stepping_allows(RealisticSchemas.Case given)
        => Compare(Vocabularies.Real, Grammar.JsonSchema(given.Schema), given.Names, given.Name.Length, step: 37);

    private static void Compare(Vocabularies.Vocabulary vocabulary, Grammar grammar, IReadOnlyList<string> names, int seed, int step)
    {
        var compared = 0;
        new AnswerDriver(vocabulary, seed).Answer(grammar, patience: 25, names, matcher =>
        {
            var allowed = matcher.Allowed();
            for (var token = compared++ % step; token < vocabulary.Tokens.Size; token += step)
            {
                if (TokenMask.Contains(allowed, token) != matcher.Allows(token))
                {
                    Assert.Fail($"token {token}, '{vocabulary.Tokenizer.Decode([token], false)}': the mask says {TokenMask.Contains(allowed, token)}");
                }
            }
        });
    }

    [Test]
    public void Objects_end_and_begin_again_within_one_token()
    {
        foreach (var answer in new[] { "{\"a\":1,\"b\":2}", "{\"\":{},\"a\":[{\"\":0}]}" })
        {
            Assert.That(AcceptanceTests.Refusal(Grammar.Json(), Vocabularies.Tiny, answer), Is.Null);
        }
    }

    [Test]
    public void Logits_of_tokens_that_are_not_allowed_become_negative_infinity([Values(0, 1, 63, 64, 65, 200, 1000)] int tokens)
    {
        var random = new Random(tokens);
        var allowed = new ulong[(tokens + 63) / 64];
        for (var word = 0; word < allowed.Length; word++)
        {
            allowed[word] = random.Next(4) switch { 0 => 0, 1 => ulong.MaxValue, _ => (ulong)random.NextInt64() };
        }

        float[] logits = [.. Enumerable.Range(0, tokens).Select(token => token % 7 == 0 ? float.NaN : random.NextSingle())];
        float[] expected = [.. logits];
        for (var token = 0; token < tokens; token++)
        {
            if ((allowed[token / 64] >> (token % 64) & 1) == 0)
            {
                expected[token] = float.NegativeInfinity;
            }
        }

        TokenMask.Apply(allowed, logits);

        Assert.That(logits, Is.EqualTo(expected));
    }

    [Test]
    public void Masks_shorter_than_the_logits_are_refused()
        => Assert.That(() => TokenMask.Apply(new ulong[1], new float[65]), Throws.TypeOf<ArgumentOutOfRangeException>());

    [Test]
    public void Many_matchers_share_masks()
    {
        var grammar = Grammar.JsonSchema(new SchemaGenerator(1).Schema());
        var answers = new string[8];
        Parallel.For(0, answers.Length, i => answers[i] = new AnswerDriver(Vocabularies.Tiny, 5).Answer(grammar, 40, SchemaGenerator.Names));

        Assert.That(answers.Distinct().Count(), Is.EqualTo(1));
    }
}
