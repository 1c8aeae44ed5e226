using System.Buffers.Binary;
using System.Reflection;
using System.Reflection.Emit;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>
/// One instruction of a method's IL. A branch's operand is the offset it goes to, a call's the method, a constant's its value.
/// </summary>
internal sealed record IlInstruction(int Offset, OpCode OpCode, object? Operand)
{
    private static readonly Dictionary<short, OpCode> OpCodesByValue = typeof(OpCodes).GetFields()
        .Select(field => (OpCode)field.GetValue(null)!)
        .ToDictionary(code => code.Value);

    /// <summary>The integer an instruction pushes, if that is all it does.</summary>
    public long? Constant => OpCode.Value switch
    {
        >= 0x15 and <= 0x1e => OpCode.Value - 0x16,
        0x1f or 0x20 or 0x21 => Convert.ToInt64(Operand),
        _ => null,
    };

    public bool Is(params ReadOnlySpan<OpCode> codes) => codes.Contains(OpCode);

    public static IReadOnlyList<IlInstruction> Decode(MethodBase method)
    {
        byte[]? il = method.GetMethodBody()?.GetILAsByteArray();
        List<IlInstruction> instructions = [];
        for (int at = 0; at < il?.Length;)
        {
            int start = at;
            short value = il[at++];
            if (value == 0xfe)
            {
                value = (short)(0xfe00 | il[at++]);
            }

            OpCode code = OpCodesByValue[value];
            (object? operand, int length) = ReadOperand(method, code, il.AsSpan(at), at);
            instructions.Add(new IlInstruction(start, code, operand));
            at += length;
        }

        return instructions;
    }

    private static (object? Operand, int Length) ReadOperand(MethodBase method, OpCode code, ReadOnlySpan<byte> rest, int at)
    {
        switch (code.OperandType)
        {
            case OperandType.InlineNone:
                return (null, 0);
            case OperandType.ShortInlineBrTarget:
                return (at + 1 + (sbyte)rest[0], 1);
            case OperandType.InlineBrTarget:
                return (at + 4 + BinaryPrimitives.ReadInt32LittleEndian(rest), 4);
            case OperandType.ShortInlineI:
                return ((long)(sbyte)rest[0], 1);
            case OperandType.ShortInlineVar:
                return ((int)rest[0], 1);
            case OperandType.InlineVar:
                return ((int)BinaryPrimitives.ReadUInt16LittleEndian(rest), 2);
            case OperandType.InlineI:
                return ((long)BinaryPrimitives.ReadInt32LittleEndian(rest), 4);
            case OperandType.InlineI8:
                return (BinaryPrimitives.ReadInt64LittleEndian(rest), 8);
            case OperandType.InlineR:
                return (null, 8);
            case OperandType.InlineSwitch:
                return (null, 4 + 4 * BinaryPrimitives.ReadInt32LittleEndian(rest));
            case OperandType.InlineMethod or OperandType.InlineType or OperandType.InlineTok or OperandType.InlineField:
                int token = BinaryPrimitives.ReadInt32LittleEndian(rest);
                Type[] typeArguments = method.DeclaringType?.GetGenericArguments() ?? [];
                Type[] methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : [];
                return (method.Module.ResolveMember(token, typeArguments, methodArguments), 4);
            default:
                return (null, 4);
        }
    }
}
