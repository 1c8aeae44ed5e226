using System.Numerics.Tensors;
using DeepSeekEngine.Model;
using NUnit.Framework;

namespace DeepSeekEngine.Testing.Fidelity;

/// <summary>Holds a backend to the float64 reference on a whole model, decoding and mixed steps included. Inherited once a backend.</summary>
public abstract class ModelFidelityTests(string directory) : PrefillFidelityTests(directory)
{
    /// <summary>Steps of greedy decoding to compare.</summary>
    protected virtual int GreedySteps => 24;

    /// <summary>Whether what is rounded is not what the reference's emulations of bfloat16 round, so that near ties may end otherwise.</summary>
    protected virtual bool RoundsOtherwise => false;

    [Test]
    public void One_absorbed_prefill_matches_the_reference() => ComparePrefill(AttentionForm.Absorbed);

    [Test]
    public void Short_chunks_match_the_reference(
        [Values(1, 2, 3, 5)] int size, [Values(AttentionForm.Cheapest, AttentionForm.Absorbed, AttentionForm.Expanded)] int form)
        => CompareChunks(size, form);

    [Test]
    public void Greedy_decoding_matches_the_reference([Values(AttentionForm.Cheapest, AttentionForm.Expanded)] int form)
    {
        _transformer.AttentionForm = (AttentionForm)form;
        foreach (var prompt in Prompts())
        {
            using var run = new ModelRun(_transformer);
            ModelRun.Step(_transformer, (run, prompt.InputIds));
            CompareGreedy(prompt, run);
        }
    }

    [Test]
    public void A_mixed_batch_matches_the_reference(
        [Values(AttentionForm.Cheapest, AttentionForm.Absorbed, AttentionForm.Expanded)] int form)
    {
        // Sequences enter one after the other, prefill in chunks of different sizes beside those already decoding, and so share steps
        // in every combination; each must come out as if it were alone.
        _transformer.AttentionForm = (AttentionForm)form;
        var prompts = Prompts().ToList();
        var runs = prompts.Select(_ => new ModelRun(_transformer)).ToList();
        int[] chunkSizes = [3, 2, 7, 13];
        for (var step = 0; runs.Zip(prompts).Any(p => p.First.Tokens.Count < p.Second.InputIds.Length + GreedySteps - 1); step++)
        {
            var parts = new List<(ModelRun, int[])>();
            for (var i = 0; i < Math.Min(runs.Count, step + 1); i++)
            {
                var (prompt, done) = (prompts[i], runs[i].Tokens.Count);
                var all = prompt.InputIds.Concat(prompt.GreedyIds.Take(GreedySteps - 1)).ToArray();
                var size = done < prompt.InputIds.Length ? Math.Min(chunkSizes[i % 4], prompt.InputIds.Length - done) : 1;
                if (done < all.Length)
                {
                    parts.Add((runs[i], all[done..(done + size)]));
                }
            }

            ModelRun.Step(_transformer, parts.ToArray());
        }

        for (var i = 0; i < runs.Count; i++)
        {
            CompareWithReference(prompts[i], runs[i]);
            CompareGreedyIds(prompts[i], runs[i]);
            runs[i].Dispose();
        }
    }

    [Test]
    public void Drafts_match_the_reference([Values(1, 7, 256)] int size)
    {
        _transformer.AttentionForm = AttentionForm.Cheapest;
        Assert.That(_transformer.MtpModules, Is.EqualTo(_transformer.Config.MtpLayers));
        foreach (var prompt in Prompts().Where(p => p.DraftIds is not null))
        {
            var all = prompt.InputIds.Concat(prompt.GreedyIds.Take(GreedySteps)).ToArray();
            var positions = all.Length - 1;
            using var run = new ModelRun(_transformer);
            for (var start = 0; start < positions; start += size)
            {
                var end = Math.Min(start + size, positions);
                ModelRun.Step(_transformer, (run, all[start..end]));
                run.Draft(all[(start + 1)..(end + 1)]);
            }

            if (!RoundsActivations)
            {
                var drafts = run.DraftLogits.Select(row => TensorPrimitives.IndexOfMax(row));
                Assert.That(drafts, Is.EqualTo(prompt.DraftIds!.Take(positions)), $"{prompt.Name}: draft ids");
            }

            CompareRows($"{prompt.Name}.mtp.logits", run.DraftLogits, prompt.HiddenFirst, "mtp");
            CompareRouterIds(prompt, run.RouterIds[_transformer.Config.Layers], $"{prompt.Name}.mtp.router.{_transformer.Config.Layers}.ids");
        }
    }

    /// <summary>Prefills every prompt that is longer than a chunk in chunks of this size.</summary>
    protected void CompareChunks(int size, int form)
    {
        _transformer.AttentionForm = (AttentionForm)form;
        var prompts = Prompts().Where(p => p.InputIds.Length > size).ToList();
        Assert.That(prompts, Is.Not.Empty);
        foreach (var prompt in prompts)
        {
            using var run = new ModelRun(_transformer);
            foreach (var chunk in prompt.InputIds.Chunk(size))
            {
                ModelRun.Step(_transformer, (run, chunk));
            }

            CompareWithReference(prompt, run);
        }
    }

    private void CompareGreedy(OraclePrompt prompt, ModelRun run)
    {
        var steps = GreedyStepsOf(prompt);
        for (var i = 0; i < steps - 1; i++)
        {
            ModelRun.Step(_transformer, (run, [TensorPrimitives.IndexOfMax(run.Logits[^1])]));
        }

        CompareGreedyIds(prompt, run);
        if (steps > 0)
        {
            CompareRows($"{prompt.Name}.decode_logits", [.. run.Logits.Take(prompt.InputIds.Length - 1 + steps)], prompt.InputIds.Length - 1, "decode");
        }
    }

    private void CompareGreedyIds(OraclePrompt prompt, ModelRun run)
    {
        var steps = GreedyStepsOf(prompt);
        var greedy = run.Logits.Skip(prompt.InputIds.Length - 1).Take(steps).Select(row => TensorPrimitives.IndexOfMax(row));
        Assert.That(greedy, Is.EqualTo(prompt.GreedyIds.Take(steps)), $"{prompt.Name}: greedy ids");
    }

    private int GreedyStepsOf(OraclePrompt prompt) => Math.Min(
        GreedySteps,
        RoundsOtherwise ? Math.Min(prompt.SafeSteps, prompt.DecidedSteps) : RoundsActivations ? prompt.SafeSteps : int.MaxValue);
}
