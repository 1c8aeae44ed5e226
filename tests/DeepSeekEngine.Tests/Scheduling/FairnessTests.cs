using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using DeepSeekEngine.Runtime;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Scheduling;

/// <summary>
/// Who waits for whom, and how long, counted in steps. The oldest request advances in every step, so a request has ended when all that came
/// before it and itself could have been computed one after the other.
/// </summary>
public sealed class FairnessTests
{
    private const int Vocabulary = 8;
    private const int Context = 256;

    private static IEnumerable<TestCaseData> Overloads =>
        from chunk in (int[])[16, 24, 64]
        from cacheTokens in (int[])[Context, 2 * Context, 16 * Context]
        from maxRunning in (int[])[1, 3, 8]
        from drafting in (bool[])[false, true]
        select new TestCaseData(chunk, cacheTokens, maxRunning, drafting);

    [TestCaseSource(nameof(Overloads))]
    public void Under_overload_every_request_ends_within_its_bound(int chunk, int cacheTokens, int maxRunning, bool drafting)
    {
        const int requests = 24;
        for (var seed = 0; seed < 2; seed++)
        {
            var random = new Random(seed);
            var model = new PrefixModel(Vocabulary, cacheTokens);
            var loop = new StepLoop(model, Context, maxRunning, chunk, drafting);
            var jobs = new List<Job>();
            while (jobs.Count < requests || loop.Scheduler.HasWork)
            {
                // In bursts, faster than they can be answered.
                for (var i = random.Next(4); i > 0 && jobs.Count < requests; i--)
                {
                    var prompt = Prompt(random, random.Next(4) == 0 ? random.Next(100, 200) : random.Next(1, 30));
                    jobs.Add(loop.Submit(prompt, random.Next(1, Context - prompt.Length)));
                }

                if (!loop.Scheduler.HasWork)
                {
                    continue;
                }

                if (jobs.Find(job => !job.Request.IsFinished) is not { } oldest)
                {
                    // What ended in the last step is retired before the next.
                    loop.Step();
                    continue;
                }

                var (computed, tokens) = (oldest.Request.Computed, oldest.Request.TokenCount);
                loop.Step();
                var advanced = oldest.Request.Computed > computed || oldest.Request.TokenCount > tokens;
                Assert.That(advanced, $"the oldest advances in step {loop.Steps}");
                foreach (var job in jobs.Where(job => !job.Request.IsFinished))
                {
                    Assert.That(loop.Steps - job.Submitted, Is.LessThan(Bound(jobs, job, chunk)));
                }
            }

            foreach (var job in jobs)
            {
                Assert.That(job.Result().Tokens, Is.EqualTo(Alone(job)), "as if it had been alone");
            }

            Assert.That(model.Pool.FreeBlocks, Is.EqualTo(model.Pool.Blocks));
            Assert.That(loop.Scheduler.Preemptions, cacheTokens == Context && maxRunning > 1 ? Is.Positive : Is.Not.Negative);
        }
    }

    [TestCase(1, false)]
    [TestCase(4, false)]
    [TestCase(4, true)]
    public void Requests_begin_in_the_order_they_came(int maxRunning, bool drafting)
    {
        // With prompts as long as each other, unlike from their first token: one that is first in the queue is first in a step.
        const int requests = 200;
        var random = new Random(1);
        var loop = new StepLoop(new PrefixModel(Vocabulary, Context), Context, maxRunning, chunk: 16, drafting);
        var jobs = Enumerable.Range(0, requests)
            .Select(i => loop.Submit([i, .. Prompt(random, 15)], random.Next(1, Context - 16))).ToList();
        var begun = new List<Request>();
        while (loop.Scheduler.HasWork)
        {
            loop.Step();
            begun.AddRange(loop.Scheduler.InStep.ToArray().Except(begun));
        }

        Assert.That(begun, Is.EqualTo(jobs.Select(job => job.Request)));
        Assert.That(loop.Scheduler.Preemptions, maxRunning > 1 ? Is.Positive : Is.Zero, "those that come back are before those that wait");
    }

    [TestCase(Context)]
    [TestCase(16 * Context)]
    public void What_a_device_rounds_takes_turns_with_all_else(int cacheTokens)
    {
        const int rounded = 17;
        const int chunk = 32;
        var random = new Random(1);
        var model = new PrefixModel(Vocabulary, cacheTokens);
        var loop = new StepLoop(model, Context, maxRunning: 8, chunk, drafting: true, roundedTokens: rounded);
        var jobs = Enumerable.Range(0, 30).Select(_ => loop.Submit(Prompt(random, random.Next(1, 200)), random.Next(1, 50))).ToList();
        var turns = new Dictionary<bool, int> { [false] = 0, [true] = 0 };
        var waited = 0;
        while (loop.Scheduler.HasWork)
        {
            var oldest = jobs.Find(job => !job.Request.IsFinished);
            var (computed, tokens) = (oldest?.Request.Computed, oldest?.Request.TokenCount);
            var step = loop.Step();
            turns[step.MayRound]++;
            for (var i = 0; i < step.Sequences.Length; i++)
            {
                // A preempted request's own tokens come again all at once and are not rounded for that.
                var sequence = step.Sequences[i];
                var job = jobs.Single(job => job.Request == loop.Scheduler.InStep[i]);
                Assert.That(sequence.Count >= rounded && sequence.FirstPosition < job.Prompt.Length, Is.EqualTo(step.MayRound));
            }

            var advanced = oldest is null || oldest.Request.Computed > computed || oldest.Request.TokenCount > tokens;
            waited = advanced ? 0 : waited + 1;
            Assert.That(waited, Is.LessThan(2), $"the oldest waits one turn at most, in step {loop.Steps}");
        }

        Assert.That(turns.Values, Is.All.Positive);
        foreach (var job in jobs)
        {
            Assert.That(job.Result().Tokens, Is.EqualTo(Alone(job)), "as if it had been alone");
        }

        Assert.That(loop.Scheduler.Preemptions, cacheTokens == Context ? Is.Positive : Is.Zero);
    }

    [Test]
    public void Long_prompts_do_not_keep_others_from_their_next_token()
    {
        const int running = 8;
        var random = new Random(1);
        var loop = new StepLoop(new PrefixModel(Vocabulary, running * Context), Context, running, chunk: 16);
        var decoding = loop.Submit(Prompt(random, 5), 100);
        loop.Step();
        for (var i = 0; i < 30; i++)
        {
            loop.Submit(Prompt(random, 250), 5);
        }

        for (var token = decoding.Request.TokenCount; !decoding.Request.IsFinished; token++)
        {
            Assert.That(decoding.Request.TokenCount, Is.EqualTo(token));
            loop.Step();
        }
    }

    [Test]
    public void Decoding_does_not_keep_a_prompt_from_its_next_chunk()
    {
        const int running = 32;
        const int chunk = 16;
        var random = new Random(1);
        var loop = new StepLoop(new PrefixModel(Vocabulary, running * Context), Context, running, chunk);
        var decoding = Enumerable.Range(0, running - 1).Select(_ => loop.Submit(Prompt(random, 5), 200)).ToList();
        while (!decoding.TrueForAll(job => job.Request.IsDecoding))
        {
            loop.Step();
        }

        var prompted = loop.Submit(Prompt(random, 10 * chunk), 3);
        for (var step = 1; step <= 10; step++)
        {
            loop.Step();
            Assert.That(loop.Scheduler.InStep.Length, Is.EqualTo(running));
            Assert.That(prompted.Request.Computed, Is.EqualTo(step * chunk));
        }

        Assert.That(prompted.Request.IsDecoding, "its first token is there");
    }

    [Test]
    public void Short_requests_behind_a_long_one_are_computed_beside_it()
    {
        var random = new Random(1);
        var loop = new StepLoop(new PrefixModel(Vocabulary, 8 * Context), Context, maxRunning: 8, chunk: 64);
        var lengthy = loop.Submit(Prompt(random, 200), 50);
        var brief = Enumerable.Range(0, 4).Select(_ => loop.Submit(Prompt(random, 3), 4)).ToList();
        for (var step = 0; step < 8; step++)
        {
            loop.Step();
        }

        Assert.That(brief.TrueForAll(job => job.Request.IsFinished), "after the four chunks of the long prompt and four tokens at most");
        Assert.That(lengthy.Request.IsFinished, Is.False);
    }

    [Test]
    public void A_cancelled_request_s_blocks_are_free_before_the_next_step()
    {
        using var cancellation = new CancellationTokenSource();
        var random = new Random(1);
        var model = new PrefixModel(Vocabulary, 4 * Context);
        var loop = new StepLoop(model, Context, maxRunning: 2, chunk: 16);
        var cancelled = loop.Submit(Prompt(random, 100), 50, cancellationToken: cancellation.Token);
        var kept = loop.Submit(Prompt(random, 10), 20);
        var next = loop.Submit(Prompt(random, 10), 20);
        for (var i = 0; i < 4; i++)
        {
            loop.Step();
        }

        cancellation.Cancel();
        loop.Step();
        Assert.That(loop.Scheduler.InStep.ToArray(), Is.EqualTo(new[] { kept.Request, next.Request }), "its place is taken at once");
        Assert.That(model.Pool.Blocks - model.Pool.FreeBlocks, Is.EqualTo(kept.Request.Table.Blocks.Length + next.Request.Table.Blocks.Length));
        Assert.That(cancelled.Request.Chunks.Completion.IsFaulted || cancelled.Request.Chunks.Completion.IsCanceled);
    }

    /// <summary>
    /// Steps that all requests up to this one take one after the other: its prompt in chunks, at most one more where the chunk is cut, a
    /// step a token, and as many chunks again where it had to be computed anew from its beginning.
    /// </summary>
    private static int Bound(List<Job> jobs, Job last, int chunk)
        => jobs.TakeWhile(job => job != last).Append(last)
            .Sum(job => job.MaxTokens + (2 * (((job.Prompt.Length + job.MaxTokens) / chunk) + 2)));

    /// <summary>Some begin alike.</summary>
    private static int[] Prompt(Random random, int length)
    {
        var begin = random.Next(3) == 0 ? length : Math.Min(length, 40);
        return [.. Enumerable.Range(0, length).Select(i => i < begin ? i % Vocabulary : random.Next(Vocabulary))];
    }

    /// <summary>The most probable continuation.</summary>
    private static List<int> Alone(Job job)
    {
        var tokens = job.Prompt.ToList();
        var logits = new float[Vocabulary];
        for (var i = 0; i < job.MaxTokens; i++)
        {
            PrefixModel.Logits(CollectionsMarshal.AsSpan(tokens), logits);
            tokens.Add(TensorPrimitives.IndexOfMax<float>(logits));
        }

        return tokens[job.Prompt.Length..];
    }
}
