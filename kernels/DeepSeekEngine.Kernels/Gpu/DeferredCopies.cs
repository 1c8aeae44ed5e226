namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// Asynchronous copies of a thread of ILGPU's CPU accelerator. They are made as late as the hardware may make them, when they are waited for,
/// so that a kernel which reads too early reads what was there before.
/// </summary>
internal sealed unsafe class DeferredCopies
{
    [ThreadStatic]
    private static DeferredCopies? current;

    private readonly Queue<(nint Target, nint Source, int Bytes, int Batch)> pending = new();
    private int batch;

    public static DeferredCopies Current => current ??= new DeferredCopies();

    /// <summary>Adds a copy of 16 bytes to the current batch, those after the first <paramref name="bytes"/> zero.</summary>
    public void Add(void* target, void* source, int bytes) => pending.Enqueue(((nint)target, (nint)source, bytes, batch));

    /// <summary>Ends the current batch.</summary>
    public void Commit() => batch++;

    /// <summary>Makes the copies of all batches ended so far but the last.</summary>
    public void WaitForAllButLast()
    {
        while (pending.TryPeek(out var copy) && copy.Batch < batch - 1)
        {
            pending.Dequeue();
            var target = new Span<byte>((void*)copy.Target, 16);
            target.Clear();
            new ReadOnlySpan<byte>((void*)copy.Source, copy.Bytes).CopyTo(target);
        }
    }
}
