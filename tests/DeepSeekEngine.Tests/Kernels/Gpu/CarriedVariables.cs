using System.Reflection.Emit;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>
/// Finds the variables a loop carries from turn to turn that are updated in it before another loop within it. ILGPU 1.5.3 assigns such a
/// variable in the header of the inner loop, on OpenCL, at every turn; updated after the inner loop, it is right.
/// </summary>
internal static class CarriedVariables
{
    /// <summary>The indices of such local variables.</summary>
    public static IEnumerable<int> UpdatedBeforeInnerLoops(IReadOnlyList<IlInstruction> il)
    {
        (int Begin, int End)[] loops = [.. Loops(il)];
        return loops.SelectMany(outer => loops
            .Where(inner => outer.Begin < inner.Begin && inner.End < outer.End)
            .SelectMany(inner => Enumerable.Range(outer.Begin, inner.Begin - outer.Begin)
                .Where(at => Stored(il[at]) is { } local
                    && !loops.Any(other => other != outer && outer.Begin < other.Begin && other.Begin <= at && at <= other.End)
                    && IsCarried(il, outer, local))
                .Select(at => Stored(il[at])!.Value)))
            .Distinct();
    }

    /// <summary>Where each loop begins and where it branches back: the C# compiler puts a loop's condition at its end.</summary>
    private static IEnumerable<(int Begin, int End)> Loops(IReadOnlyList<IlInstruction> il)
    {
        Dictionary<int, int> indices = Enumerable.Range(0, il.Count).ToDictionary(i => il[i].Offset);
        for (int i = 0; i < il.Count; i++)
        {
            bool isBranch = il[i].OpCode.OperandType is OperandType.InlineBrTarget or OperandType.ShortInlineBrTarget;
            if (isBranch && indices[(int)il[i].Operand!] is var target && target <= i)
            {
                yield return (target, i);
            }
        }
    }

    /// <summary>Whether the first thing a turn does with a variable, its condition coming first, is to read it.</summary>
    private static bool IsCarried(IReadOnlyList<IlInstruction> il, (int Begin, int End) loop, int local)
    {
        int condition = loop.Begin;
        if (loop.Begin > 0 && il[loop.Begin - 1].Is(OpCodes.Br, OpCodes.Br_S))
        {
            int offset = (int)il[loop.Begin - 1].Operand!;
            condition = Enumerable.Range(0, il.Count).First(i => il[i].Offset == offset);
        }

        foreach (int at in (int[])[.. Enumerable.Range(condition, loop.End - condition + 1),
            .. Enumerable.Range(loop.Begin, condition - loop.Begin)])
        {
            if (Loaded(il[at]) == local)
            {
                return true;
            }

            if (Stored(il[at]) == local)
            {
                return false;
            }
        }

        return false;
    }

    private static int? Loaded(IlInstruction instruction) => instruction.OpCode.Value switch
    {
        >= 0x06 and <= 0x09 => instruction.OpCode.Value - 0x06,
        _ when instruction.Is(OpCodes.Ldloc, OpCodes.Ldloc_S) => (int)instruction.Operand!,
        _ => null,
    };

    private static int? Stored(IlInstruction instruction) => instruction.OpCode.Value switch
    {
        >= 0x0a and <= 0x0d => instruction.OpCode.Value - 0x0a,
        _ when instruction.Is(OpCodes.Stloc, OpCodes.Stloc_S) => (int)instruction.Operand!,
        _ => null,
    };
}
