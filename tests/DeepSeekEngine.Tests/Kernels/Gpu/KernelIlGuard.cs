using System.Numerics;
using System.Reflection;
using System.Reflection.Emit;
using ILGPU.IR.Intrinsics;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>
/// Finds what ILGPU 1.5.3 translates wrongly without saying so, in a kernel and all it calls:
/// the number a comparison or a choice between 1 and 0 is turned into, casts to 8 and 16 bits (of which those of equal width are dropped),
/// division by powers of two (rounded down, and signed), unsigned integers to float (by way of float64), switch (brx.idx), sub-views
/// (whose offsets OpenCL receives as 32-bit numbers), methods of Math it maps to nothing or to something else, and variables that an outer
/// loop carries and updates before an inner one (<see cref="CarriedVariables"/>).
/// </summary>
internal static class KernelIlGuard
{
    private static readonly string[] ForbiddenMethods = ["FusedMultiplyAdd", "Clamp", "Sign", "CopySign", "SubView"];

    /// <summary>What is wrong, as "method: finding".</summary>
    public static IReadOnlyList<string> Problems(MethodInfo kernel)
    {
        List<string> problems = [];
        HashSet<MethodBase> seen = [kernel];
        Queue<MethodBase> queue = new(seen);
        while (queue.TryDequeue(out MethodBase? method))
        {
            IReadOnlyList<IlInstruction> il = IlInstruction.Decode(method);
            problems.AddRange(Problems(method, il).Select(problem => $"{method.DeclaringType!.Name}.{method.Name}: {problem}"));
            problems.AddRange(CarriedVariables.UpdatedBeforeInnerLoops(il).Select(
                variable => $"{method.DeclaringType!.Name}.{method.Name}: variable {variable} of an outer loop is updated before an inner loop"));
            foreach (MethodBase called in Calls(il))
            {
                // What is registered as an intrinsic is emitted by hand on a GPU; its IL is for the CPU accelerator alone.
                if (called.DeclaringType!.Assembly == kernel.DeclaringType!.Assembly
                    && !called.IsDefined(typeof(IntrinsicImplementationAttribute)) && seen.Add(called))
                {
                    queue.Enqueue(called);
                }
            }
        }

        return problems;
    }

    private static IEnumerable<string> Problems(MethodBase method, IReadOnlyList<IlInstruction> il)
    {
        for (int i = 0; i < il.Count; i++)
        {
            IlInstruction instruction = il[i];
            if (instruction.Is(OpCodes.Conv_I1, OpCodes.Conv_I2, OpCodes.Conv_U1, OpCodes.Conv_U2))
            {
                yield return "a cast to 8 or 16 bits";
            }
            else if (instruction.Is(OpCodes.Conv_R_Un))
            {
                yield return "an unsigned integer to float";
            }
            else if (instruction.Is(OpCodes.Switch))
            {
                yield return "a switch";
            }
            else if (instruction.Is(OpCodes.Div, OpCodes.Div_Un)
                && Constant(il, i - 1) is > 0 and long divisor && BitOperations.IsPow2(divisor))
            {
                yield return "a division by a power of two";
            }
            else if (IsComparison(instruction) && !IsTruthValue(method, il, i + 1) && !IsComparisonAhead(il, i + 1))
            {
                yield return "a comparison used as a number";
            }
            else if (instruction.Constant is 0 or 1 && il[i + 1].Is(OpCodes.Br, OpCodes.Br_S)
                && il[Target(il, i + 1) - 1].Constant is not null && !IsTruthValue(method, il, Target(il, i + 1)))
            {
                yield return "a choice between literal numbers";
            }
            else if (instruction.Operand is MethodBase called && ForbiddenMethods.Contains(called.Name))
            {
                yield return $"a call of {called.Name}";
            }
        }
    }

    private static bool IsComparison(IlInstruction instruction)
        => instruction.Is(OpCodes.Ceq, OpCodes.Cgt, OpCodes.Cgt_Un, OpCodes.Clt, OpCodes.Clt_Un);

    /// <summary>Whether what is on the stack before instruction <paramref name="next"/> is used as a bool and not as a number.</summary>
    private static bool IsTruthValue(MethodBase method, IReadOnlyList<IlInstruction> il, int next)
    {
        IlInstruction use = il[next];
        return use switch
        {
            _ when use.Is(OpCodes.Nop) => IsTruthValue(method, il, next + 1),
            _ when use.Is(OpCodes.Brtrue, OpCodes.Brtrue_S, OpCodes.Brfalse, OpCodes.Brfalse_S) => true,
            _ when use.Is(OpCodes.Br, OpCodes.Br_S) => IsTruthValue(method, il, Target(il, next)),
            _ when use.Is(OpCodes.And, OpCodes.Or) => IsTruthValue(method, il, next + 1),
            _ when use.Is(OpCodes.Ret) => method is MethodInfo { ReturnType: var type } && type == typeof(bool),
            _ when use.Constant == 0 => il[next + 1].Is(OpCodes.Ceq),
            _ when Local(use) is { } local => method.GetMethodBody()!.LocalVariables[local].LocalType == typeof(bool),
            _ => false,
        };
    }

    /// <summary>Whether another comparison is made before any branch, as for the second operand of <c>&amp;</c> and <c>|</c>.</summary>
    private static bool IsComparisonAhead(IReadOnlyList<IlInstruction> il, int next)
        => il.Skip(next).TakeWhile(later => later.OpCode.FlowControl == FlowControl.Next).Any(IsComparison);

    private static int? Local(IlInstruction store) => store.OpCode.Value switch
    {
        >= 0x0a and <= 0x0d => store.OpCode.Value - 0x0a,
        _ when store.Is(OpCodes.Stloc, OpCodes.Stloc_S) => (int)store.Operand!,
        _ => null,
    };

    private static int Target(IReadOnlyList<IlInstruction> il, int branch)
    {
        int offset = (int)il[branch].Operand!;
        return Enumerable.Range(0, il.Count).First(i => il[i].Offset == offset);
    }

    /// <summary>The integer pushed by instruction <paramref name="index"/>, a constant property of a type argument included.</summary>
    private static long? Constant(IReadOnlyList<IlInstruction> il, int index)
    {
        IlInstruction instruction = il[index];
        if (instruction.Is(OpCodes.Conv_I8, OpCodes.Conv_U8, OpCodes.Nop))
        {
            return Constant(il, index - 1);
        }

        return Called(il, index) is { } called && called.GetParameters().Length == 0
            ? IlInstruction.Decode(called).Select(inner => inner.Constant).FirstOrDefault(constant => constant is not null)
            : instruction.Constant;
    }

    private static IEnumerable<MethodBase> Calls(IReadOnlyList<IlInstruction> il)
        => Enumerable.Range(0, il.Count).Select(i => Called(il, i)).OfType<MethodBase>();

    /// <summary>The method an instruction calls; of a static abstract one, the implementation of the type it is called on.</summary>
    private static MethodBase? Called(IReadOnlyList<IlInstruction> il, int index)
    {
        if (il[index].Operand is not MethodBase method || index == 0 || !il[index - 1].Is(OpCodes.Constrained))
        {
            return il[index].Operand as MethodBase;
        }

        Type[] parameters = [.. method.GetParameters().Select(parameter => parameter.ParameterType)];
        return ((Type)il[index - 1].Operand!).GetMethod(
            method.Name, BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public, parameters);
    }
}
