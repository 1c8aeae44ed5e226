using System.Runtime.InteropServices;
using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// What the lanes of a warp of ILGPU's CPU accelerator show each other, each a thread of the system. ILGPU's own shuffle does the same, but
/// puts every lane to sleep three times, which a product of a few thousand instructions cannot afford.
/// </summary>
internal sealed class WarpExchange
{
    public const int Lanes = 32;

    /// <summary>Words a lane shows at a time at most.</summary>
    private const int Words = 6;

    [ThreadStatic]
    private static WarpExchange? current;

    [ThreadStatic]
    private static int turn;

    // Two turns: a lane that shows its next words may be ahead of one that still reads these, but never by two.
    private readonly uint[] words = new uint[2 * Lanes * Words];
    private int arrived;
    private int phase;

    /// <summary>Shows this lane's words to the warp and waits for those of all other lanes; every lane must call it.</summary>
    /// <returns>Words of lane i from i * 6 on, valid until this lane shows others.</returns>
    public static ReadOnlySpan<uint> Show(ReadOnlySpan<uint> own)
    {
        current ??= Join();
        turn ^= 1;
        Span<uint> all = current.words.AsSpan(turn * Lanes * Words, Lanes * Words);
        own.CopyTo(all[(Warp.LaneIdx * Words)..]);
        current.Wait();
        return all;
    }

    /// <summary>What a lane has shown.</summary>
    public static ReadOnlySpan<uint> Of(ReadOnlySpan<uint> all, int lane) => all.Slice(lane * Words, Words);

    /// <summary>A warp's threads stay together as long as they live, so they agree on an exchange once.</summary>
    private static WarpExchange Join()
    {
        GCHandle handle = Warp.LaneIdx == 0 ? GCHandle.Alloc(new WarpExchange()) : default;
        long shared = Warp.Shuffle((long)GCHandle.ToIntPtr(handle), 0);
        var exchange = (WarpExchange)GCHandle.FromIntPtr((nint)shared).Target!;
        Warp.Barrier();
        if (handle.IsAllocated)
        {
            handle.Free();
        }

        return exchange;
    }

    private void Wait()
    {
        int before = Volatile.Read(ref phase);
        if (Interlocked.Increment(ref arrived) == Lanes)
        {
            arrived = 0;
            Volatile.Write(ref phase, before + 1);
            return;
        }

        while (Volatile.Read(ref phase) == before)
        {
            Thread.Yield();
        }
    }
}
