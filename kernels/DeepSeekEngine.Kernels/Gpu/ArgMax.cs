using System.Runtime.InteropServices;
using ILGPU;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>The largest value of a row so far: a key that orders values as integers, and its column.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Best
{
    public int Key;
    public int Column;
}

/// <summary>The larger key, and of equal ones the lower column: whatever the order, the same one is left.</summary>
internal readonly struct BestOf : IReduction<Best>
{
    public static Best Combine(Best a, Best b)
    {
        Best best = a;
        if (b.Key > a.Key || (b.Key == a.Key && b.Column < a.Column))
        {
            best = b;
        }

        return best;
    }
}

/// <summary>
/// columns[t] = the column of the largest of x[t], the lowest of equals, 0 being more than -0; if any is not a number, the complement of
/// the first such column; if all are minus infinity, int.MinValue. Two launches: <see cref="Part"/> leaves the best of each part of a row
/// of neighbouring columns, <see cref="Join"/> the best of those.
/// </summary>
internal static class ArgMax
{
    /// <summary>Parts of a row at most.</summary>
    public const int MaxParts = 64;

    private const int NotANumber = int.MaxValue;
    private const int MinusInfinity = unchecked((int)0x807fffff);

    public struct Parameters
    {
        public required RowView X;

        /// <summary>[rows, Parts].</summary>
        public required ArrayView<Best> Bests;

        public required int Width;
        public required int Parts;
        public required int PartWidth;
    }

    public struct JoinParameters
    {
        public required ArrayView<Best> Bests;
        public required ArrayView<int> Columns;
        public required int Parts;
    }

    /// <summary>Grid: (parts, rows); a group a part.</summary>
    [GpuKernel]
    public static void Part<TPlatform>(Parameters p)
        where TPlatform : struct, IPlatform
    {
        ArrayView<Best> scratch = SharedMemory.Allocate<Best>(TPlatform.GroupSize);
        int begin = Grid.IdxX * p.PartWidth;
        int end = begin + p.PartWidth < p.Width ? begin + p.PartWidth : p.Width;
        long row = p.X.Row(Grid.IdxY);
        Best best = None();
        for (int column = begin + Group.IdxX; column < end; column += TPlatform.GroupSize)
        {
            best = BestOf.Combine(best, new Best { Key = Key(p.X.Data[row + column]), Column = column });
        }

        best = GroupReduce.All<Best, BestOf, TPlatform>(best, scratch);
        if (Group.IdxX == 0)
        {
            p.Bests[(long)Grid.IdxY * p.Parts + Grid.IdxX] = best;
        }
    }

    /// <summary>Grid: (rows); a group a row.</summary>
    [GpuKernel]
    public static void Join<TPlatform>(JoinParameters p)
        where TPlatform : struct, IPlatform
    {
        ArrayView<Best> scratch = SharedMemory.Allocate<Best>(TPlatform.GroupSize);
        Best best = None();
        for (int part = Group.IdxX; part < p.Parts; part += TPlatform.GroupSize)
        {
            best = BestOf.Combine(best, p.Bests[(long)Grid.IdxX * p.Parts + part]);
        }

        best = GroupReduce.All<Best, BestOf, TPlatform>(best, scratch);
        if (Group.IdxX == 0)
        {
            int column = best.Column;
            if (best.Key == NotANumber)
            {
                column = ~column;
            }
            else if (best.Key == MinusInfinity)
            {
                column = int.MinValue;
            }

            p.Columns[Grid.IdxX] = column;
        }
    }

    /// <summary>What comes after every column there is: minus infinity in none of them.</summary>
    public static Best Last() => new() { Key = MinusInfinity, Column = int.MaxValue };

    /// <summary>The value whose key this is.</summary>
    public static float Value(int key)
    {
        int bits = key;
        if (key < 0)
        {
            bits = key ^ int.MaxValue;
        }

        return Interop.IntAsFloat((uint)bits);
    }

    /// <summary>Ascends with the value; what is not a number comes last.</summary>
    public static int Key(float value)
    {
        int bits = (int)Interop.FloatAsInt(value);
        int magnitude = bits & int.MaxValue;
        int key = bits;
        if (magnitude > 0x7f800000)
        {
            key = NotANumber;
        }
        else if (bits < 0)
        {
            key = bits ^ int.MaxValue;
        }

        return key;
    }

    private static Best None() => new() { Key = int.MinValue, Column = int.MaxValue };
}
