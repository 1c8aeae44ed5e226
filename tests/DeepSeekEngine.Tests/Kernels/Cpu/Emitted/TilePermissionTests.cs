using DeepSeekEngine.Kernels.Cpu.Emitted;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu.Emitted;

/// <summary>What the system is asked before tiles are used.</summary>
public class TilePermissionTests
{
    [Test]
    public void Asking_for_tiles_never_fails() => Assert.That(TilePermission.Request, Throws.Nothing);

    [Test]
    public void Only_permitted_tiles_are_used() => Assert.That(CpuFeatures.Amx && !TilePermission.Request(), Is.False);

    [Test]
    public void A_thread_with_a_larger_signal_stack_still_catches_null_references_and_ends()
    {
        for (int i = 0; i < 20; i++)
        {
            bool ensured = false, again = false, caught = false;
            var thread = new Thread(() =>
            {
                ensured = SignalStack.Ensure();
                again = SignalStack.Ensure();
                caught = CatchesNullReference(null);
                GC.Collect();
                caught &= CatchesNullReference(null);
            });
            thread.Start();
            thread.Join();
            Assert.That((ensured, again, caught), Is.EqualTo((true, true, true)));
        }
    }

    private static bool CatchesNullReference(int[]? numbers)
    {
        try
        {
            return numbers!.Length < 0;
        }
        catch (NullReferenceException)
        {
            return true;
        }
    }
}
