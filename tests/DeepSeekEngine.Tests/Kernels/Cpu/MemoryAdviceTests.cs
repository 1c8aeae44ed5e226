using DeepSeekEngine.Kernels.Cpu;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu;

/// <summary>Which pages advice is given about, and that memory is what it was after it.</summary>
public sealed unsafe class MemoryAdviceTests
{
    /// <summary>Of a mapping [2 pages, 10 pages), its last page filled by its file to the half.</summary>
    [TestCase(2, 0, 1, 2, 1)]
    [TestCase(2, 0, 4096, 2, 1)]
    [TestCase(2, 0, 4097, 2, 2)]
    [TestCase(2, 4095, 2, 2, 2)]
    [TestCase(3, 100, 2 * 4096, 3, 3)]
    [TestCase(9, 0, 2048, 9, 1)]
    [TestCase(2, 8, (7 * 4096) + 2048 - 8, 2, 8)]
    [TestCase(5, 17, 0, 5, 0)]
    public void The_pages_of_bytes_are_whole_and_within_their_mapping(int page, int offset, long length, int firstPage, int pages)
    {
        const int pageBytes = 4096;
        var range = MemoryAdvice.PagesOf((byte*)((page * pageBytes) + offset), length, pageBytes);
        Assert.That(range, Is.EqualTo(new PageRange((nuint)(firstPage * pageBytes), (nuint)(pages * pageBytes))));
    }

    [Test]
    public void Pages_are_as_large_as_the_system_makes_them([Values(4096, 16384, 65536)] int pageBytes)
    {
        var range = MemoryAdvice.PagesOf((byte*)(3 * 65536) - 1, 2, pageBytes);
        Assert.That(range, Is.EqualTo(new PageRange((nuint)((3 * 65536) - pageBytes), (nuint)(2 * pageBytes))));
    }

    [Test]
    public void What_a_file_says_is_as_before_whatever_is_advised()
    {
        using var directory = new Weights.TemporaryDirectory();
        var path = Path.Combine(directory.Path, "bytes");
        var bytes = new byte[(9 << 20) + 123];
        new Random(1).NextBytes(bytes);
        File.WriteAllBytes(path, bytes);
        using var file = System.IO.MemoryMappedFiles.MemoryMappedFile.CreateFromFile(path);
        using var view = file.CreateViewAccessor();
        byte* data = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref data);
        try
        {
            var believed = false;
            MemoryAdvice.DoNotNeed(data, bytes.Length);
            MemoryAdvice.WillNeed(data, bytes.Length, ref believed);
            MemoryAdvice.WillNeed(data + 5000, 0, ref believed);
            Assert.That(new ReadOnlySpan<byte>(data, bytes.Length).SequenceEqual(bytes));
            MemoryAdvice.WillNeed(data + 1, bytes.Length - 1, ref believed);
            MemoryAdvice.DoNotNeed(data + bytes.Length - 1, 1);
            Assert.That(new ReadOnlySpan<byte>(data, bytes.Length).SequenceEqual(bytes));
        }
        finally
        {
            view.SafeMemoryMappedViewHandle.ReleasePointer();
        }
    }

    [Test]
    public void Advice_about_nothing_and_about_no_memory_is_ignored()
    {
        var believed = false;
        Assert.That(() => MemoryAdvice.WillNeed((byte*)0, 0, ref believed), Throws.Nothing);
        Assert.That(() => MemoryAdvice.WillNeed((byte*)(1L << 20), 1 << 20, ref believed), Throws.Nothing);
        Assert.That(() => MemoryAdvice.DoNotNeed((byte*)(1L << 20), 1 << 20), Throws.Nothing);
    }
}
