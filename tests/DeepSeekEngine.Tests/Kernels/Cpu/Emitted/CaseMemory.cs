namespace DeepSeekEngine.Tests.Kernels.Cpu.Emitted;

/// <summary>What the cases of emitted functions put into their memory.</summary>
internal static unsafe class CaseMemory
{
    /// <summary>Puts a function's arguments at the beginning.</summary>
    public static void Write<T>(byte[] image, T arguments)
        where T : unmanaged => new ReadOnlySpan<byte>(&arguments, sizeof(T)).CopyTo(image);

    /// <summary>Bfloat16 of either sign; from about 60 exponents on, products are subnormal.</summary>
    public static void Fill(Random random, Span<byte> destination, int exponents)
    {
        for (int i = 0; i < destination.Length; i += sizeof(ushort))
        {
            int exponent = Math.Max(0, 127 - random.Next(exponents));
            BitConverter.TryWriteBytes(destination[i..], (ushort)(random.Next(2) << 15 | exponent << 7 | random.Next(128)));
        }
    }
}
