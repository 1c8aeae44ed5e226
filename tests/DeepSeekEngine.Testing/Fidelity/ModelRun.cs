using DeepSeekEngine.Cache;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Testing.Fidelity;

/// <summary>One sequence put through a transformer, with everything the oracle has numbers for, a row a position.</summary>
internal sealed class ModelRun(Transformer transformer) : IDisposable
{
    private readonly BlockTable _table = new(transformer.Cache.Pool, transformer.Limits.ContextLength);

    public List<int> Tokens { get; } = [];

    /// <summary>Logits of each position, [positions][vocab].</summary>
    public List<float[]> Logits { get; } = [];

    /// <summary>[layer + 1][positions][hidden]; entry 0 is the embedding.</summary>
    public Dictionary<int, List<float[]>> Hidden { get; } = [];

    public List<float[]> FinalNorm { get; } = [];

    /// <summary>[MoE layer][positions][k].</summary>
    public Dictionary<int, List<int[]>> RouterIds { get; } = [];

    public Dictionary<int, List<float[]>> RouterWeights { get; } = [];

    public List<float[]> DraftLogits { get; } = [];

    /// <summary>Puts the tokens through in one step each of these runs.</summary>
    public static void Step(Transformer transformer, params ReadOnlySpan<(ModelRun Run, int[] Tokens)> parts)
    {
        var config = transformer.Config;
        var batch = NewBatch(transformer);
        foreach (var (run, tokens) in parts)
        {
            run._table.Reserve(run.Tokens.Count + tokens.Length);
            batch.Add(run._table, tokens, run.Tokens.Count, outputs: tokens.Length);
            run.Tokens.AddRange(tokens);
        }

        var rowRuns = Rows(parts);
        transformer.LayerDone = layer => Observe(transformer, layer, rowRuns);
        transformer.Forward(batch);
        transformer.LayerDone = null;
        var final = Floats(transformer.Workspace.Final.Array, batch.Count, config.HiddenSize);
        for (var row = 0; row < batch.Count; row++)
        {
            var logits = new float[config.VocabSize];
            transformer.Logits(row, logits);
            rowRuns[row].Logits.Add(logits);
            rowRuns[row].FinalNorm.Add(final[row]);
        }
    }

    /// <summary>Runs the MTP module on the rows of the last step, each with the token that follows it.</summary>
    public void Draft(int[] nextTokens)
    {
        var batch = NewBatch(transformer);
        batch.Add(_table, nextTokens, Tokens.Count - nextTokens.Length, outputs: nextTokens.Length);
        var rows = Enumerable.Repeat(this, nextTokens.Length).ToArray();
        transformer.LayerDone = layer => Observe(transformer, layer, rows);
        transformer.Draft(batch);
        transformer.LayerDone = null;
        for (var row = 0; row < batch.Count; row++)
        {
            var logits = new float[transformer.Config.VocabSize];
            transformer.Logits(row, logits);
            DraftLogits.Add(logits);
        }
    }

    public void Dispose() => _table.Dispose();

    /// <summary>All steps may be rounded by a device that rounds: what is compared allows it.</summary>
    private static Batch NewBatch(Transformer transformer)
        => new(transformer.Limits.Tokens, transformer.Limits.Sequences, transformer.Limits.Outputs) { MayRound = true };

    private static ModelRun[] Rows(ReadOnlySpan<(ModelRun Run, int[] Tokens)> parts)
    {
        var rows = new List<ModelRun>();
        foreach (var (run, tokens) in parts)
        {
            rows.AddRange(Enumerable.Repeat(run, tokens.Length));
        }

        return [.. rows];
    }

    private static void Observe(Transformer transformer, int layer, ModelRun[] rows)
    {
        var (config, w) = (transformer.Config, transformer.WorkspaceOf(layer));
        var hidden = Floats(w.X.Array, rows.Length, config.HiddenSize);
        for (var row = 0; row < rows.Length; row++)
        {
            At(rows[row].Hidden, layer + 1).Add(hidden[row]);
        }

        if (layer < 0 || !config.IsMoe(layer))
        {
            return;
        }

        var k = config.Router!.Value.ExpertsPerToken;
        var weights = Floats(w.ExpertWeights.Array, rows.Length, k);
        var ids = new int[rows.Length * k];
        w.ExpertIds.Download(ids);
        for (var row = 0; row < rows.Length; row++)
        {
            At(rows[row].RouterIds, layer).Add(ids[(row * k)..((row + 1) * k)]);
            At(rows[row].RouterWeights, layer).Add(weights[row]);
        }
    }

    private static float[][] Floats(Backends.DeviceArray<float> array, int rows, int width)
    {
        var all = new float[rows * width];
        array.Download(all);
        return [.. Enumerable.Range(0, rows).Select(row => all[(row * width)..((row + 1) * width)])];
    }

    private static List<T> At<T>(Dictionary<int, List<T>> lists, int key)
        => lists.TryGetValue(key, out var list) ? list : lists[key] = [];
}
