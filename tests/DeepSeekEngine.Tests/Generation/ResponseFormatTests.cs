using System.Text.Json;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Tests.Constraints;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Generation;

/// <summary>Answers of the sample model, which writes sums, held to formats it would never write.</summary>
public sealed class ResponseFormatTests
{
    private const string Question = "What is 47 + 58?";

    private const string Schema =
        """
        {
            "type": "object", "additionalProperties": false, "required": ["sum", "steps"],
            "properties": {
                "sum": { "type": "integer", "minimum": 0, "maximum": 999 },
                "steps": { "type": "array", "minItems": 1, "maxItems": 3, "items": { "type": "string", "maxLength": 12 } }
            }
        }
        """;

    private static readonly GenerationOptions Greedy = new() { Temperature = 0 };

    private DeepSeekModel _model = null!;

    [OneTimeSetUp]
    public async Task Load() => _model = await DeepSeekModel.LoadAsync(
        TestPaths.TinyR1, new EngineOptions { Device = Device.Cpu, SpeculativeDecoding = false });

    [OneTimeTearDown]
    public async Task Unload() => await _model.DisposeAsync();

    [Test]
    public async Task The_answer_validates_and_the_reasoning_is_as_it_would_be()
    {
        var free = await _model.GenerateAsync(Question, Greedy);
        var result = await _model.GenerateAsync(Question, Greedy with { ResponseFormat = ResponseFormat.JsonSchema(Schema) });
        AssertValidates(result);
        Assert.That(result.Reasoning, Is.Not.Empty.And.EqualTo(free.Reasoning));
        Assert.That(result.Usage.AnswerTokens, Is.Positive);
    }

    // Penalties and log-probabilities look at all logits in their own way; thinking may be cut short, left out or asked for.
    [Test]
    public async Task Sampled_answers_validate([Range(1, 6)] int seed)
    {
        var options = new GenerationOptions
        {
            Seed = seed, Temperature = 1.5f, ResponseFormat = ResponseFormat.JsonSchema(Schema), MaxThinkingTokens = seed switch { 1 => 0, 2 => 5, _ => null },
            ForceThinking = seed == 3, FrequencyPenalty = seed == 4 ? 0.5f : null, TopLogProbabilities = seed == 5 ? 2 : null,
        };
        AssertValidates(await _model.GenerateAsync(Question, options));
    }

    [Test]
    public async Task Any_json_is_json([Values(1, 2, 3)] int seed)
    {
        var result = await _model.GenerateAsync(
            Question, new GenerationOptions { Seed = seed, MaxThinkingTokens = 10, MaxTokens = 1500, ResponseFormat = ResponseFormat.Json() });
        Assert.That(result.FinishReason, Is.EqualTo(FinishReason.EndOfText).Or.EqualTo(FinishReason.MaxTokens));
        if (result.FinishReason is FinishReason.EndOfText)
        {
            Assert.That(() => JsonDocument.Parse(result.Text).Dispose(), Throws.Nothing);
        }
        else
        {
            Assert.That(result.Usage.CompletionTokens, Is.EqualTo(1500));
        }
    }

    // What looks like a tag, and the lines that would be dropped between the reasoning and a free answer, are part of the answer.
    [TestCase(@"\n<think>[ab]{3}</think>\n")]
    [TestCase(@"\d{4}-\d{2}-\d{2}")]
    [TestCase(@"(?:ha)+!")]
    public async Task An_answer_is_what_a_pattern_matches_to_the_last_character(string pattern)
    {
        foreach (var budget in (int?[])[null, 0])
        {
            var result = await _model.GenerateAsync(
                Question, Greedy with { MaxTokens = 400, MaxThinkingTokens = budget, ResponseFormat = ResponseFormat.Regex(pattern) });
            Assert.That(result.FinishReason, Is.EqualTo(FinishReason.EndOfText).Or.EqualTo(FinishReason.MaxTokens));
            if (result.FinishReason is FinishReason.EndOfText)
            {
                Assert.That(result.Text, Does.Match($"^(?:{pattern})\\z"));
            }

            Assert.That(result.Reasoning, budget is null ? Is.Not.Empty : Is.Empty);
        }
    }

    [Test]
    public async Task A_choice_is_one_of_its_texts_and_ends_with_it()
    {
        string[] texts = ["less than a hundred", "a hundred or more", "maybe"];
        var result = await _model.GenerateAsync(Question, Greedy with { ResponseFormat = ResponseFormat.Choice(texts) });
        Assert.That(texts, Does.Contain(result.Text));
        Assert.That(result.FinishReason, Is.EqualTo(FinishReason.EndOfText));
    }

    [Test]
    public async Task A_prompt_as_it_is_may_be_answered_in_a_format()
    {
        var prompt = RawPrompt.FromText("<｜begin▁of▁sentence｜><｜User｜>What is 47 + 58?<｜Assistant｜><think>\n");
        AssertValidates(await _model.GenerateAsync(prompt, Greedy with { ResponseFormat = ResponseFormat.JsonSchema(Schema) }));
        await Assert.ThatAsync(
            () => _model.GenerateAsync(prompt, Greedy with { ToolChoice = ToolChoice.Required }), Throws.ArgumentException);
    }

    [Test]
    public async Task Drafts_and_company_change_no_answer()
    {
        var options = Enumerable.Range(0, 6).Select(seed => new GenerationOptions
        {
            Seed = seed, Temperature = seed % 2, MaxThinkingTokens = 30,
            ResponseFormat = seed < 4 ? ResponseFormat.JsonSchema(Schema) : seed == 4 ? ResponseFormat.Choice("105", "one hundred and five") : null,
        }).ToArray();
        var alone = new List<string>();
        foreach (var each in options)
        {
            alone.Add((await _model.GenerateAsync(Question, each)).Text);
        }

        await using var drafting = await DeepSeekModel.LoadAsync(
            TestPaths.TinyR1, new EngineOptions { Device = Device.Cpu, SpeculativeDecoding = true });
        var together = await Task.WhenAll(options.Select(each => drafting.GenerateAsync(Question, each)));
        Assert.That(together.Select(result => result.Text), Is.EqualTo(alone));
        Assert.That(together.Sum(result => result.Usage.DraftedTokens), Is.Positive);
    }

    private static void AssertValidates(GenerationResult result)
    {
        Assert.That(result.FinishReason, Is.EqualTo(FinishReason.EndOfText), result.Text);
        Assert.That(new SchemaJudge(Schema).Objection(result.Text), Is.Null, result.Text);
    }
}
