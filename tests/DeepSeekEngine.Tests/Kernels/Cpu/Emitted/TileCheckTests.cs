using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Emitted;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu.Emitted;

public unsafe class TileCheckTests
{
    [Test]
    public void What_computes_the_same_is_believed([Values(8, 4)] int bits)
    {
        WeightEncoding encoding = bits == 8 ? WeightEncoding.Int8 : WeightEncoding.Int4;
        delegate* unmanaged<PackedTile*, void> kernel = bits == 8 ? &Int8 : &Int4;
        Assert.That(TileCheck.Agree(encoding, kernel, kernel), Is.True);
    }

    [Test]
    public void One_wrong_bit_is_not([Values(8, 4)] int bits)
    {
        WeightEncoding encoding = bits == 8 ? WeightEncoding.Int8 : WeightEncoding.Int4;
        delegate* unmanaged<PackedTile*, void> right = bits == 8 ? &Int8 : &Int4, wrong = bits == 8 ? &WrongInt8 : &WrongInt4;
        Assert.That(TileCheck.Agree(encoding, wrong, right), Is.False);
    }

    [UnmanagedCallersOnly]
    private static void Int8(PackedTile* tile) => PackedKernels.Of(PackedPath.Portable).Run(WeightEncoding.Int8, tile);

    [UnmanagedCallersOnly]
    private static void Int4(PackedTile* tile) => PackedKernels.Of(PackedPath.Portable).Run(WeightEncoding.Int4, tile);

    [UnmanagedCallersOnly]
    private static void WrongInt8(PackedTile* tile) => Spoil(WeightEncoding.Int8, tile);

    [UnmanagedCallersOnly]
    private static void WrongInt4(PackedTile* tile) => Spoil(WeightEncoding.Int4, tile);

    private static void Spoil(WeightEncoding encoding, PackedTile* tile)
    {
        PackedKernels.Of(PackedPath.Portable).Run(encoding, tile);
        Unsafe.As<float, uint>(ref tile->Y[37]) ^= 1;
    }
}
