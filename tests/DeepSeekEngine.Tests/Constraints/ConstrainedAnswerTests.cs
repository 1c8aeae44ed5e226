using DeepSeekEngine.Constraints;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Constraints;

/// <summary>Whatever tokens are chosen of those allowed, the answer ends, is JSON and satisfies its schema.</summary>
[Parallelizable(ParallelScope.Self)]
public class ConstrainedAnswerTests
{
    private const int Batches = 10;

    private const int SchemasOfBatch = 25;

    [Test]
    public void Random_answers_satisfy_random_schemas([Range(0, Batches - 1)] int batch)
    {
        var tried = 0;
        for (var seed = batch * SchemasOfBatch; seed < (batch + 1) * SchemasOfBatch; seed++)
        {
            var schema = new SchemaGenerator(seed).Schema();
            Grammar grammar;
            try
            {
                grammar = Grammar.JsonSchema(schema);
            }
            catch (UnsupportedSchemaException e) when (e.Message.Contains("No value satisfies", StringComparison.Ordinal))
            {
                continue;
            }

            tried++;
            Judge(schema, grammar, SchemaGenerator.Names, seed);
        }

        Assert.That(tried, Is.GreaterThan(SchemasOfBatch / 2), "schemas that something satisfies");
    }

    [TestCaseSource(typeof(RealisticSchemas), nameof(RealisticSchemas.Cases))]
    public void Random_answers_satisfy_realistic_schemas(RealisticSchemas.Case given)
    {
        for (var seed = 0; seed < 4; seed++)
        {
            Judge(given.Schema, Grammar.JsonSchema(given.Schema), given.Names, seed);
        }
    }

    [Test]
    public void Random_answers_are_json()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            Judge("true", Grammar.Json(), [], seed);
        }
    }

    private static void Judge(string schema, Grammar grammar, IReadOnlyList<string> names, int seed)
    {
        var judge = new SchemaJudge(schema);

        // The large one takes its time, and finds what the small one does not only where tokens are long.
        foreach (var vocabulary in seed % 2 == 0 ? [Vocabularies.Real, Vocabularies.Tiny] : new[] { Vocabularies.Tiny })
        {
            var answer = new AnswerDriver(vocabulary, seed).Answer(grammar, patience: 5 + (seed % 40), names);
            Assert.That(judge.Objection(answer), Is.Null, () => $"seed {seed}: {answer}\nof {schema}");
        }
    }
}
