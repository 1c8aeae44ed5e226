using DeepSeekEngine.Kernels.Cpu;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu;

[TestFixture(1)]
[TestFixture(2)]
[TestFixture(5)]
public unsafe class WorkerPoolTests(int workers)
{
    [Test]
    public void Every_task_runs_once_whatever_their_number()
    {
        using var pool = new WorkerPool(workers);
        foreach (int count in (int[])[0, 1, 2, 7, 64, 1000, 12345])
        {
            foreach (int grain in (int[])[1, 3, 500])
            {
                int[] runs = new int[count + 1];
                fixed (int* pointer = runs)
                {
                    var job = new CountingJob { Runs = pointer, Workers = workers };
                    pool.For(ref job, count, grain);
                }

                Assert.That(runs[..count], Is.All.EqualTo(1));
                Assert.That(runs[count], Is.Zero);
            }
        }
    }

    [Test]
    public void Many_short_jobs_in_a_row_each_complete_before_they_return()
    {
        using var pool = new WorkerPool(workers);
        int[] runs = new int[64];
        fixed (int* pointer = runs)
        {
            for (int i = 1; i <= 5000; i++)
            {
                var job = new CountingJob { Runs = pointer, Workers = workers };
                pool.For(ref job, runs.Length);
                if (runs.Any(r => r != i))
                {
                    Assert.Fail($"After job {i} the tasks had run {string.Join(' ', runs)} times.");
                }
            }
        }
    }

    [Test]
    public void Workers_that_fell_asleep_wake_for_the_next_job()
    {
        using var pool = new WorkerPool(workers);
        int[] runs = new int[1000];
        fixed (int* pointer = runs)
        {
            for (int i = 1; i <= 5; i++)
            {
                Thread.Sleep(20);
                var job = new CountingJob { Runs = pointer, Workers = workers };
                pool.For(ref job, runs.Length);
                Assert.That(runs, Is.All.EqualTo(i));
            }
        }
    }

    [Test]
    public void Workers_share_the_tasks()
    {
        using var pool = new WorkerPool(workers);
        int* arrived = stackalloc int[1];
        var job = new MeetingJob { Arrived = arrived, Expected = workers };
        pool.For(ref job, workers);
        Assert.That(*arrived, Is.EqualTo(workers));
    }

    [Test]
    public void What_a_task_throws_surfaces_in_the_caller_and_the_pool_goes_on()
    {
        using var pool = new WorkerPool(workers);
        for (int failing = 0; failing < 200; failing += 33)
        {
            var failure = new FailingJob { Failing = failing };
            Assert.That(
                () => pool.For(ref failure, 200),
                Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains($"task {failing}"));
            int[] runs = new int[100];
            fixed (int* pointer = runs)
            {
                var job = new CountingJob { Runs = pointer, Workers = workers };
                pool.For(ref job, runs.Length);
            }

            Assert.That(runs, Is.All.EqualTo(1));
        }
    }

    [Test]
    public void A_disposed_pool_takes_no_jobs()
    {
        var pool = new WorkerPool(workers);
        pool.Dispose();
        var job = new FailingJob { Failing = -1 };
        Assert.That(() => pool.For(ref job, 10), Throws.TypeOf<ObjectDisposedException>());
    }

    private struct CountingJob : IParallelJob
    {
        public int* Runs;
        public int Workers;

        public readonly void Run<TLanes>(int start, int end, int worker)
            where TLanes : unmanaged, ILanes<TLanes>
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(worker, Workers);
            for (int i = start; i < end; i++)
            {
                Interlocked.Increment(ref Runs[i]);
            }
        }
    }

    /// <summary>Each task waits until all have begun, which takes as many threads as there are tasks.</summary>
    private struct MeetingJob : IParallelJob
    {
        public int* Arrived;
        public int Expected;

        public readonly void Run<TLanes>(int start, int end, int worker)
            where TLanes : unmanaged, ILanes<TLanes>
        {
            Interlocked.Add(ref *Arrived, end - start);
            long deadline = Environment.TickCount64 + 20_000;
            while (Volatile.Read(ref *Arrived) < Expected)
            {
                if (Environment.TickCount64 > deadline)
                {
                    throw new TimeoutException("The other workers did not come.");
                }

                Thread.Yield();
            }
        }
    }

    private struct FailingJob : IParallelJob
    {
        public int Failing;

        public readonly void Run<TLanes>(int start, int end, int worker)
            where TLanes : unmanaged, ILanes<TLanes>
        {
            if (start <= Failing && Failing < end)
            {
                throw new ArgumentOutOfRangeException($"task {Failing}", "It was told to fail.");
            }
        }
    }
}
