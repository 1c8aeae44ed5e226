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
    public static void LoadF8E4M3(byte* source, out Lanes256 a, out Lanes256 b, out Lanes256 c, out Lanes256 d)
    {
        if (!Avx2.IsSupported)
        {
            Lanes128.LoadF8E4M3(source, out Lanes128 a0, out Lanes128 a1, out Lanes128 b0, out Lanes128 b1);
            Lanes128.LoadF8E4M3(source + 16, out Lanes128 c0, out Lanes128 c1, out Lanes128 d0, out Lanes128 d1);
            a = Join(a0, a1);
            b = Join(b0, b1);
            c = Join(c0, c1);
            d = Join(d0, d1);
            return;
        }

        // Unpacking works within 128 bits; taken in this order, the elements end where they belong.
        var bytes = Avx2.PermuteVar8x32(Vector256.Load(source).AsInt32(), Vector256.Create(0, 2, 4, 6, 1, 3, 5, 7)).AsByte();
        var magnitude = bytes & Vector256.Create((byte)0x7F);
        var small = magnitude + Vector256.Create(ElementBits.F8SmallIndex);
        var upper = Avx2.Shuffle(Vector256.Create(ElementBits.F8Upper), bytes >>> 4)
            | Avx2.Shuffle(Vector256.Create(ElementBits.F8SmallUpper), small)
            | Vector256.Equals(magnitude, Vector256.Create(ElementBits.F8NaN));
        var lower = (bytes << 4) ^ Avx2.Shuffle(Vector256.Create(ElementBits.F8SmallLower), small);
        var low = Avx2.UnpackLow(lower, upper).AsUInt16();
        var high = Avx2.UnpackHigh(lower, upper).AsUInt16();
        a = new(Avx2.UnpackLow(Vector256<ushort>.Zero, low).AsSingle());
        b = new(Avx2.UnpackHigh(Vector256<ushort>.Zero, low).AsSingle());
        c = new(Avx2.UnpackLow(Vector256<ushort>.Zero, high).AsSingle());
        d = new(Avx2.UnpackHigh(Vector256<ushort>.Zero, high).AsSingle());
    }

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
    public static Lanes256 Exp(Lanes256 value) => new(Vector256.Exp(value.value));

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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Lanes256 Join(Lanes128 lower, Lanes128 upper) => new(Vector256.Create(lower.Value, upper.Value));

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
