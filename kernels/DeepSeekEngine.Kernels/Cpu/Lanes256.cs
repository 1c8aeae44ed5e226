using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>8 float32 lanes in a 256-bit register.</summary>
internal readonly unsafe struct Lanes256 : ILanes<Lanes256>
{
    private readonly Vector256<float> value;

    private Lanes256(Vector256<float> value) => this.value = value;

    public Vector256<float> Value => value;

    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Broadcast(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Load(float* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Lanes256 value, float* destination) => value.value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LoadF16(ushort* source)
    {
        var bits = Widen((short*)source);
        var magnitude = Vector256.ShiftLeft(bits, ElementBits.F16Shift) & Vector256.Create(ElementBits.F16Magnitude);
        var bias = Vector256.Create(ElementBits.F16Bias);
        var special = Vector256.GreaterThan(magnitude, Vector256.Create(ElementBits.F16Largest)) & bias;
        var normal = (magnitude + bias + special).AsSingle();
        var subnormal = Vector256.MultiplyAddEstimate(normal, Vector256.Create(2f), Vector256.Create(-ElementBits.F16SmallestNormal));
        return new((bits & Vector256.Create(ElementBits.Sign)).AsSingle() | Vector256.MinNative(subnormal, normal));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LoadBF16(ushort* source) => new(Vector256.ShiftLeft(Widen((short*)source), 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LoadF8E4M3(byte* source)
        => new((Vector256.ShiftLeft(Widen((sbyte*)source), ElementBits.F8Shift) & Vector256.Create(ElementBits.F8Fields)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LoadI8(sbyte* source) => new(Vector256.ConvertToSingle(Widen(source)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator +(Lanes256 left, Lanes256 right) => new(left.value + right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator *(Lanes256 left, Lanes256 right) => new(left.value * right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator /(Lanes256 left, Lanes256 right) => new(left.value / right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 MultiplyAdd(Lanes256 a, Lanes256 b, Lanes256 c)
        => new(Vector256.MultiplyAddEstimate(a.value, b.value, c.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Exp(Lanes256 value) => Exponential.Of(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Max(Lanes256 left, Lanes256 right) => new(Vector256.MaxNative(left.value, right.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Min(Lanes256 left, Lanes256 right) => new(Vector256.MinNative(left.value, right.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Round(Lanes256 value) => new(Vector256.Round(value.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 PowerOfTwo(Lanes256 value)
        => new(Vector256.ShiftLeft(Vector256.ConvertToInt32Native(value.value) + Vector256.Create(127), 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Lanes256 value) => Sums(value.value, value.value, value.value, value.value).ToScalar();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sums(Lanes256 a, Lanes256 b, Lanes256 c, Lanes256 d) => Sums(a.value, b.value, c.value, d.value);

    /// <summary>The sum of each vector: of the lower half and of the upper.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<float> Sums(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d)
    {
        if (Avx.IsSupported)
        {
            var sums = Avx.HorizontalAdd(Avx.HorizontalAdd(a, b), Avx.HorizontalAdd(c, d));
            return sums.GetLower() + sums.GetUpper();
        }

        return Lanes128.Sums(a.GetLower(), b.GetLower(), c.GetLower(), d.GetLower())
            + Lanes128.Sums(a.GetUpper(), b.GetUpper(), c.GetUpper(), d.GetUpper());
    }

    /// <summary>Sign-extends 8 bytes; one instruction on x86, two elsewhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Widen(sbyte* source)
    {
        var bytes = Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<long>(source)).AsSByte();
        return Avx2.IsSupported
            ? Avx2.ConvertToVector256Int32(bytes)
            : Vector256.WidenLower(Vector128.WidenLower(bytes).ToVector256Unsafe());
    }

    /// <summary>Sign-extends 8 half-words; one instruction on x86.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Widen(short* source) => Avx2.IsSupported
        ? Avx2.ConvertToVector256Int32(source)
        : Vector256.WidenLower(Vector128.Load(source).ToVector256Unsafe());
}
