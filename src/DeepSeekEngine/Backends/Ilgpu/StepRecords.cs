namespace DeepSeekEngine.Backends.Ilgpu;

/// <summary>
/// Records of steps that come again: a CUDA graph where there is one to be had, or else the launches with their arguments, which are
/// issued again without being checked again. A step is run once before it is recorded, so that its kernels are loaded by then.
/// </summary>
/// <param name="graphs">Null where there are none.</param>
/// <param name="loader">Whose launches these are.</param>
internal sealed class StepRecords(CudaGraphs? graphs, KernelLoader loader) : IDisposable
{
    /// <summary>More are not worth their memory: few requests have so many contexts.</summary>
    private const int MaxRecords = 128;

    private readonly Dictionary<StepKey, Record> records = [];

    /// <summary>Steps issued from records so far.</summary>
    public long Replays { get; private set; }

    public void Repeat(in StepKey key, Action operations)
    {
        if (!records.TryGetValue(key, out Record record))
        {
            if (records.Count == MaxRecords)
            {
                Clear();
            }

            operations();
            records.Add(key, default);
            return;
        }

        if (record == default)
        {
            Make(key, operations);
            return;
        }

        Replays++;
        if (record.Graph != 0)
        {
            if (graphs!.Launch(record.Graph))
            {
                return;
            }

            // The driver took the graph but will not run it: from now on without.
            Clear();
            operations();
            return;
        }

        foreach (Action launch in record.Launches!)
        {
            launch();
        }
    }

    public void Dispose() => Clear();

    private void Make(in StepKey key, Action operations)
    {
        if (graphs is { IsUsable: true })
        {
            nint graph = graphs.Capture(operations);
            if (graph != 0)
            {
                records[key] = new Record(graph, null);
                if (graphs.Launch(graph))
                {
                    return;
                }

                Clear();
            }

            operations();
            return;
        }

        List<Action> launches = [];
        loader.Record = launches;
        try
        {
            operations();
        }
        finally
        {
            loader.Record = null;
        }

        records[key] = new Record(0, [.. launches]);
    }

    private void Clear()
    {
        foreach (Record record in records.Values)
        {
            if (record.Graph != 0)
            {
                graphs!.Free(record.Graph);
            }
        }

        records.Clear();
    }

    /// <summary>Neither: the step was run once.</summary>
    private readonly record struct Record(nint Graph, Action[]? Launches);
}
