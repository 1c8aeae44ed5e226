using DeepSeekEngine.Kernels.Cpu;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu;

/// <summary>Buffers on either side of the size from which they have pages of their own.</summary>
[NonParallelizable]
public sealed unsafe class NativeBufferTests
{
    private const int Large = 4 << 20;

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(Large - 1)]
    [TestCase(Large)]
    [TestCase(Large + 1)]
    [TestCase((9 << 20) + 4097)]
    public void Memory_is_zeroed_aligned_and_counted(int length)
    {
        var before = NativeBuffer.OutstandingBytes;
        for (var again = 0; again < 3; again++)
        {
            using var buffer = new NativeBuffer(length);
            Assert.That(NativeBuffer.OutstandingBytes, Is.EqualTo(before + length));
            Assert.That(buffer.ByteLength, Is.EqualTo(length));
            Assert.That((long)buffer.Pointer % 64, Is.Zero);
            var bytes = new Span<byte>(buffer.Pointer, length);
            Assert.That(bytes.ContainsAnyExcept((byte)0), Is.False);
            bytes.Fill(1);
        }

        Assert.That(NativeBuffer.OutstandingBytes, Is.EqualTo(before));
    }

    [Test]
    public void A_workspace_grows_across_the_border_and_is_returned_whole()
    {
        var before = NativeBuffer.OutstandingBytes;
        using (var buffer = new NativeBuffer(0))
        {
            for (long length = 1 << 20; length < 64 << 20; length = length * 3 / 2)
            {
                buffer.Reserve(length);
                Assert.That(buffer.ByteLength, Is.InRange(length, length + (length / 16)));
                Assert.That(NativeBuffer.OutstandingBytes, Is.EqualTo(before + buffer.ByteLength));
                var bytes = new Span<byte>(buffer.Pointer, (int)buffer.ByteLength);
                Assert.That(bytes.ContainsAnyExcept((byte)0), Is.False);
                bytes.Fill(1);
            }
        }

        Assert.That(NativeBuffer.OutstandingBytes, Is.EqualTo(before));
    }

    [Test]
    public void A_workspace_that_cannot_grow_is_as_it_was([Values(1 << 20, 2 * Large)] int length)
    {
        using var buffer = new NativeBuffer(length);
        var pointer = (long)buffer.Pointer;
        buffer.Pointer[length - 1] = 7;
        Assert.That(() => buffer.Reserve(1L << 60), Throws.TypeOf<OutOfMemoryException>());
        Assert.That((long)buffer.Pointer, Is.EqualTo(pointer));
        Assert.That(buffer.ByteLength, Is.EqualTo(length));
        Assert.That(buffer.Pointer[length - 1], Is.EqualTo(7));
    }

    [Test]
    [Platform("Linux")]
    public void What_is_not_touched_is_not_resident_and_what_is_stays_within_the_buffer()
    {
        const int length = (64 << 20) + 12345;
        var before = ResidentMemory.OfProcess();
        using var buffer = new NativeBuffer(length);
        Assert.That(ResidentMemory.OfProcess() - before, Is.LessThan(8 << 20));
        new Span<byte>(buffer.Pointer, length).Fill(1);
        Assert.That(ResidentMemory.OfProcess() - before, Is.EqualTo(length).Within(8 << 20));
    }
}
