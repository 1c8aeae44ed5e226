using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Threads that share the tasks of one job at a time with the calling thread. Neighbouring tasks are claimed in runs, long ones while much
/// is left, so that a thread reads on where it is, and short ones at the end, so that a slow core delays nobody. Between jobs a worker
/// looks for the next one for some microseconds, then sleeps. Starting a job allocates nothing.
/// </summary>
internal sealed unsafe class WorkerPool : IDisposable
{
    private const int SpinIterations = 60;

    /// <summary>A run is a worker's even share of what is left, divided by this.</summary>
    private const int ShareDivisor = 2;

    // The low half of the state: who is inside the current job. The high half numbers the jobs.
    private const long Open = 1L << 31;
    private const long Waiting = 1L << 30;
    private const long Inside = Waiting - 1;

    private readonly LaneWidth width;
    private readonly Thread[] threads;
    private readonly object sleep = new();
    private readonly SemaphoreSlim left = new(0);
    private Shared shared;
    private delegate*<void*, int, int, int, void> run;
    private void* job;
    private int count;
    private int grain;
    private int sleepers;
    private Exception? failure;
    private volatile bool stopping;

    /// <param name="workers">Threads that compute, the caller's included; 0 for one a processor this process may use.</param>
    /// <param name="width">The registers jobs are compiled for; null for the widest this processor has.</param>
    public WorkerPool(int workers = 0, LaneWidth? width = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(workers);
        this.width = width ?? LaneWidths.Native;
        Workers = workers == 0 ? Environment.ProcessorCount : workers;
        threads = new Thread[Workers - 1];
        for (int i = 0; i < threads.Length; i++)
        {
            int worker = i + 1;
            threads[i] = new Thread(() => Work(worker)) { IsBackground = true, Name = $"DeepSeekEngine worker {worker}" };
            threads[i].Start();
        }
    }

    /// <summary>Threads that compute, the caller's included.</summary>
    public int Workers { get; }

    /// <summary>Runs tasks 0 .. count and returns when all are done. One thread at a time may call.</summary>
    /// <param name="minGrain">Tasks too few to be worth another thread.</param>
    /// <remarks>The first exception of a task is thrown here; tasks not begun by then are skipped.</remarks>
    public void For<TJob>(ref TJob job, int count, int minGrain = 1)
        where TJob : unmanaged, IParallelJob
    {
        ObjectDisposedException.ThrowIf(stopping, this);
        fixed (TJob* pointer = &job)
        {
            delegate*<void*, int, int, int, void> invoke = width switch
            {
                LaneWidth.Bits512 => &Invoke<TJob, Lanes512>,
                LaneWidth.Bits256 => &Invoke<TJob, Lanes256>,
                _ => &Invoke<TJob, Lanes128>,
            };
            if (threads.Length == 0 || count <= minGrain)
            {
                if (count > 0)
                {
                    invoke(pointer, 0, count, 0);
                }

                return;
            }

            Share(invoke, pointer, count, minGrain);
        }
    }

    public void Dispose()
    {
        lock (sleep)
        {
            stopping = true;
            Monitor.PulseAll(sleep);
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        left.Dispose();
    }

    private static void Invoke<TJob, TLanes>(void* job, int start, int end, int worker)
        where TJob : unmanaged, IParallelJob
        where TLanes : unmanaged, ILanes<TLanes> => ((TJob*)job)->Run<TLanes>(start, end, worker);

    private void Share(delegate*<void*, int, int, int, void> invoke, void* pointer, int tasks, int minGrain)
    {
        run = invoke;
        job = pointer;
        count = tasks;
        grain = minGrain;
        failure = null;
        Volatile.Write(ref shared.Next, 0);
        long number = (Volatile.Read(ref shared.State) >> 32) + 1;
        Interlocked.Exchange(ref shared.State, (number << 32) | Open);
        if (Volatile.Read(ref sleepers) > 0)
        {
            lock (sleep)
            {
                for (int wake = Math.Min(sleepers, (tasks - 1) / minGrain); wake > 0; wake--)
                {
                    Monitor.Pulse(sleep);
                }
            }
        }

        Claim(0);
        Close();
        if (failure is { } thrown)
        {
            failure = null;
            ExceptionDispatchInfo.Throw(thrown);
        }
    }

    /// <summary>Lets no further worker into the job and waits for those inside.</summary>
    private void Close()
    {
        long state = Interlocked.And(ref shared.State, ~Open) & ~Open;
        var spin = 0;
        while ((state & Inside) != 0)
        {
            if (spin++ < SpinIterations)
            {
                Thread.SpinWait(20);
                state = Volatile.Read(ref shared.State);
            }
            else if (Interlocked.CompareExchange(ref shared.State, state | Waiting, state) == state)
            {
                left.Wait();
                return;
            }
            else
            {
                state = Volatile.Read(ref shared.State);
            }
        }
    }

    private void Work(int worker)
    {
        long last = 0;
        while (WaitForJob(last))
        {
            long state = Volatile.Read(ref shared.State);
            last = state >> 32;
            while ((state & Open) != 0 && state >> 32 == last)
            {
                long seen = Interlocked.CompareExchange(ref shared.State, state + 1, state);
                if (seen == state)
                {
                    Claim(worker);
                    Leave();
                    break;
                }

                state = seen;
            }
        }
    }

    private void Leave()
    {
        long state = Interlocked.Decrement(ref shared.State);
        if ((state & Inside) == 0 && (state & Waiting) != 0)
        {
            left.Release();
        }
    }

    private void Claim(int worker)
    {
        try
        {
            int tasks = count;
            int least = grain;
            int divisor = ShareDivisor * Workers;
            int start = Volatile.Read(ref shared.Next);
            while (start < tasks)
            {
                int end = start + Math.Min(tasks - start, Math.Max(least, (tasks - start) / divisor));
                int seen = Interlocked.CompareExchange(ref shared.Next, end, start);
                if (seen == start)
                {
                    run(job, start, end, worker);
                    seen = Volatile.Read(ref shared.Next);
                }

                start = seen;
            }
        }
        catch (Exception exception)
        {
            Interlocked.CompareExchange(ref failure, exception, null);
            Interlocked.Exchange(ref shared.Next, int.MaxValue);
        }
    }

    /// <summary>Waits for a job numbered otherwise than <paramref name="last"/>; false when the pool is being disposed.</summary>
    private bool WaitForJob(long last)
    {
        for (int spin = 0; spin < SpinIterations; spin++)
        {
            if (Volatile.Read(ref shared.State) >> 32 != last)
            {
                return !stopping;
            }

            Thread.SpinWait(20);
        }

        lock (sleep)
        {
            Interlocked.Increment(ref sleepers);
            while (!stopping && Volatile.Read(ref shared.State) >> 32 == last)
            {
                Monitor.Wait(sleep);
            }

            Interlocked.Decrement(ref sleepers);
            return !stopping;
        }
    }

    /// <summary>The two words every worker writes, each in cache lines of its own.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 384)]
    private struct Shared
    {
        [FieldOffset(128)]
        public long State;

        [FieldOffset(256)]
        public int Next;
    }
}
