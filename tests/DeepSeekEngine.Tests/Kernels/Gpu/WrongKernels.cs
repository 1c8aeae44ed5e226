using System.Runtime.CompilerServices;
using ILGPU;

[assembly: InternalsVisibleTo(Context.RuntimeAssemblyName)]

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>Kernels that must not exist, to prove that the guards see what they are for.</summary>
internal static class WrongKernels
{
    internal struct Parameters
    {
        public required ArrayView<float> Floats;
        public required ArrayView<int> Ints;
        public required ArrayView<uint> Unsigned;
        public required ArrayView<double> Doubles;
        public required ArrayView<sbyte> Bytes;
        public required int Count;
    }

    internal interface IConstant
    {
        static abstract int Value { get; }
    }

    internal readonly struct ThirtyTwo : IConstant
    {
        public static int Value => 32;
    }

    public static void BoolToFloat(Parameters p) => p.Floats[Group.IdxX] = p.Ints[Group.IdxX] > 3 ? 1 : 0;

    public static void BoolToInt(Parameters p) => p.Ints[Group.IdxX] = p.Floats[Group.IdxX] > 3f ? 1 : 0;

    public static void NestedChoice(Parameters p) => p.Ints[Group.IdxX] = p.Ints[Group.IdxX] < 5 ? -1 : p.Ints[Group.IdxX] > 9 ? 1 : 0;

    public static void NegatedChoice(Parameters p) => p.Ints[Group.IdxX] = -(p.Ints[Group.IdxX] == 3 ? 0 : 1);

    public static void ChoiceOfTwo(Parameters p) => p.Ints[Group.IdxX] = p.Ints[0] > 1 ? 2 : p.Ints[1] > 1 ? 1 : 0;

    public static void SignCast(Parameters p) => p.Ints[Group.IdxX] = (byte)p.Bytes[Group.IdxX];

    public static void CastTo16Bits(Parameters p) => p.Ints[Group.IdxX] = (short)p.Ints[Group.IdxX];

    public static void SignedDivision(Parameters p) => p.Ints[Group.IdxX] /= 4;

    public static void UnsignedDivision(Parameters p) => p.Unsigned[Group.IdxX] /= 32u;

    public static void DivisionByConstantOfType(Parameters p) => p.Ints[Group.IdxX] = Divide<ThirtyTwo>(p.Ints[Group.IdxX]);

    public static void UnsignedToFloat(Parameters p) => p.Floats[Group.IdxX] = p.Unsigned[Group.IdxX];

    public static void Fma(Parameters p) => p.Floats[Group.IdxX] = MathF.FusedMultiplyAdd(p.Floats[0], p.Floats[1], p.Floats[2]);

    public static void ClampInHelper(Parameters p) => p.Ints[Group.IdxX] = Clamped(p.Ints[Group.IdxX]);

    public static void SignOf(Parameters p) => p.Ints[Group.IdxX] = Math.Sign(p.Floats[Group.IdxX]);

    public static void CopiedSign(Parameters p) => p.Floats[0] = MathF.CopySign(p.Floats[1], p.Floats[2]);

    public static void SubViewOf(Parameters p) => p.Floats.SubView(p.Count, 1)[0] = 1f;

    public static void SwitchOf(Parameters p)
    {
        switch (p.Ints[Group.IdxX])
        {
            case 0: p.Floats[0] = 2f; break;
            case 1: p.Floats[1] = 3f; break;
            case 2: p.Floats[2] = 4f; break;
            case 3: p.Floats[3] = 5f; break;
            case 4: p.Floats[4] = 6f; break;
        }
    }

    public static void UpdateBeforeInnerLoop(Parameters p)
    {
        int position = 0;
        while (position < p.Count)
        {
            int first = position;
            position += p.Ints[first];
            for (int i = first; i < first + p.Ints[first]; i++)
            {
                p.Floats[i] += 1f;
            }
        }
    }

    public static void UpdateBetweenInnerLoops(Parameters p)
    {
        float scale = 1f;
        for (int row = 0; row < p.Count; row++)
        {
            for (int i = 0; i < row; i++)
            {
                p.Floats[i] *= scale;
            }

            scale += p.Floats[row];
            for (int i = row; i < p.Count; i++)
            {
                p.Floats[i] += 1f;
            }
        }
    }

    /// <summary>Not wrong: as the kernels do it.</summary>
    public static void UpdateAfterInnerLoop(Parameters p)
    {
        int position = 0;
        while (position < p.Count)
        {
            int length = p.Ints[position];
            for (int i = position; i < position + length; i++)
            {
                p.Floats[i] += 1f;
            }

            position += length;
        }
    }

    public static void Float64(Parameters p) => p.Doubles[Group.IdxX] = p.Doubles[Group.IdxX] * 1.5;

    public static void IndexedLocal(Parameters p)
    {
        ArrayView<float> local = LocalMemory.Allocate1D<float>(8);
        for (int i = 0; i < 8; i++)
        {
            local[i] = p.Floats[i];
        }

        p.Floats[0] = local[p.Count & 7];
    }

    public static void CallOf(Parameters p) => p.Floats[0] = NotInlined(p.Floats[1]);

    public static void Access(Parameters p) => p.Floats[Group.IdxX] += 1f;

    private static int Divide<TConstant>(int value)
        where TConstant : struct, IConstant
        => value / TConstant.Value;

    private static int Clamped(int value) => Math.Clamp(value, 0, 9);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static float NotInlined(float value)
    {
        float sum = value;
        for (int i = 0; i < (int)value; i++)
        {
            sum *= sum + i;
        }

        return sum;
    }
}
