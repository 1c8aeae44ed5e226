using DeepSeekEngine.Kernels.Cpu.Emitted;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Cpu.Emitted;

/// <summary>Emitted kernels on an emulated processor, so that they are tested on any.</summary>
[Explicit("Needs Bochs; for .ci/avx512.sh")]
[Category("Emulated")]
public class EmulatedKernelTests
{
    private static readonly int[] Counts = [.. Enumerable.Range(1, 33), 47, 128];

    [Test]
    public void Packed_kernels_agree_with_the_definition_to_the_last_bit(
        [Values] PackedFunction function, [Values(1, 2, 5)] int blocks, [Values] bool windows)
        => Check(function, windows, Counts.Select(tokens => new PackedTileCase(function, blocks, tokens)));

    [Test]
    public void The_largest_integers_overflow_nothing(
        [Values] PackedFunction function)
        => Check(function, false, Counts.Select(tokens => new PackedTileCase(function, 3, tokens, extreme: true)));

    [Test]
    public void BFloat16_functions_agree_with_their_twins_to_the_last_bit([Values] BFloat16Function function, [Values] bool windows)
    {
        BFloat16Case[] cases = [.. BFloat16Cases(function)];
        Check(
            cases[0].Emitter(), windows,
            [.. cases.Select(operands => ((Func<ulong, byte[]>)operands.Image, BFloat16Case.ResultOffset, operands.Expected()))]);
    }

    [Test]
    public void Attention_functions_agree_with_their_twins_to_the_last_bit([Values] AttentionFunction function, [Values] bool windows)
    {
        AttentionCase[] cases = [.. AttentionCase.All(function)];
        Check(
            cases[0].Emitter(), windows,
            [.. cases.Select(operands => ((Func<ulong, byte[]>)operands.Image, AttentionCase.ResultOffset, operands.Expected()))]);
    }

    [Test]
    public void What_the_processor_cannot_do_is_reported()
    {
        using var machine = new EmulatedMachine();
        machine.Call(machine.Add([0x0F, 0x0B]), 0, machine.NextAddress, 4);
        Assert.That(machine.Run, Throws.InvalidOperationException.With.Message.Contains("finished 0 of 1"));
    }

    internal static IEnumerable<BFloat16Case> BFloat16Cases(BFloat16Function function)
        => from columns in (int[])[1, 31, 64, 100, 1024, 1500, 2100]
           from rows in function == BFloat16Function.Tile ? (int[])[4, 8] : [1, 2, 5]
           let vector = function is BFloat16Function.Vector8 or BFloat16Function.Vector16
           from tokens in Enumerable.Range(1, vector ? BFloat16Layout.VectorTokens : function == BFloat16Function.Tile ? BFloat16Layout.TileTokens : 1)
           from exponents in (int[])[8, 60, 140]
           where vector || columns <= BFloat16Layout.SegmentColumns
           select new BFloat16Case(function, rows, columns, tokens, exponents);

    private static void Check(PackedFunction function, bool windows, IEnumerable<PackedTileCase> tiles)
        => Check(
            PackedTileCase.Emitter(function), windows,
            [.. tiles.Select(tile => ((Func<ulong, byte[]>)tile.Image, PackedTileCase.ResultOffset, tile.Expected()))]);

    /// <summary>As many cases at a time as the machine's memory holds.</summary>
    private static void Check(FunctionEmitter emitter, bool windows, (Func<ulong, byte[]> Image, int ResultOffset, byte[] Expected)[] cases)
    {
        byte[] code = emitter.Emit(windows ? NativeAbi.Windows : NativeAbi.SystemV);
        for (int first = 0, count; first < cases.Length; first += count)
        {
            count = 0;
            for (int bytes = 0; first + count < cases.Length && bytes < EmulatedMachine.RoomBytes; count++)
            {
                bytes += cases[first + count].Image(0).Length;
            }

            Check(code, windows, cases[first..(first + count)]);
        }
    }

    private static void Check(byte[] function, bool windows, (Func<ulong, byte[]> Image, int ResultOffset, byte[] Expected)[] cases)
    {
        using var machine = new EmulatedMachine();
        ulong code = machine.Add(TileProducts.Replace(function, machine));
        foreach (var tile in cases)
        {
            ulong address = machine.Add(tile.Image(machine.NextAddress));
            machine.Call(code, address, address + (ulong)tile.ResultOffset, tile.Expected.Length);
        }

        var results = machine.Run();
        for (int i = 0; i < cases.Length; i++)
        {
            Assert.That(results[i].Result, Is.EqualTo(cases[i].Expected), $"case {i}");
            Assert.That(windows ? results[i].KeptWindows : results[i].KeptSystemV, Is.True, $"registers of case {i}");
        }
    }
}
