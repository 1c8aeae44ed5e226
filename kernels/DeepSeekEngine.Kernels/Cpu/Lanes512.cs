using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>16 float32 lanes in a 512-bit register.</summary>
internal readonly unsafe struct Lanes512 : ILanes<Lanes512>
{
    private readonly Vector512<float> value;

    private Lanes512(Vector512<float> value) => this.value = value;

    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Broadcast(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Load(float* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Lanes512 value, float* destination) => value.value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 LoadF16(ushort* source)
    {
        var bits = Widen((short*)source);
        var magnitude = Vector512.ShiftLeft(bits, ElementBits.F16Shift) & Vector512.Create(ElementBits.F16Magnitude);
        var bias = Vector512.Create(ElementBits.F16Bias);
        var special = Vector512.GreaterThan(magnitude, Vector512.Create(ElementBits.F16Largest)) & bias;
        var normal = (magnitude + bias + special).AsSingle();
        var subnormal = Vector512.MultiplyAddEstimate(normal, Vector512.Create(2f), Vector512.Create(-ElementBits.F16SmallestNormal));
        return new((bits & Vector512.Create(ElementBits.Sign)).AsSingle() | Vector512.MinNative(subnormal, normal));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 LoadBF16(ushort* source) => new(Vector512.ShiftLeft(Widen((short*)source), 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadF8E4M3(byte* source, out Lanes512 a, out Lanes512 b, out Lanes512 c, out Lanes512 d)
    {
        if (!Avx512BW.IsSupported)
        {
            Lanes256.LoadF8E4M3(source, out Lanes256 a0, out Lanes256 a1, out Lanes256 b0, out Lanes256 b1);
            Lanes256.LoadF8E4M3(source + 32, out Lanes256 c0, out Lanes256 c1, out Lanes256 d0, out Lanes256 d1);
            a = Join(a0, a1);
            b = Join(b0, b1);
            c = Join(c0, c1);
            d = Join(d0, d1);
            return;
        }

        // Unpacking works within 128 bits; taken in this order, the elements end where they belong.
        var bytes = Avx512F.PermuteVar16x32(
            Vector512.Load(source).AsInt32(), Vector512.Create(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)).AsByte();
        var magnitude = bytes & Vector512.Create((byte)0x7F);
        var small = magnitude + Vector512.Create(ElementBits.F8SmallIndex);
        var upper = Avx512BW.Shuffle(Vector512.Create(ElementBits.F8Upper), bytes >>> 4)
            | Avx512BW.Shuffle(Vector512.Create(ElementBits.F8SmallUpper), small)
            | Vector512.Equals(magnitude, Vector512.Create(ElementBits.F8NaN));
        var lower = (bytes << 4) ^ Avx512BW.Shuffle(Vector512.Create(ElementBits.F8SmallLower), small);
        var low = Avx512BW.UnpackLow(lower, upper).AsUInt16();
        var high = Avx512BW.UnpackHigh(lower, upper).AsUInt16();
        a = new(Avx512BW.UnpackLow(Vector512<ushort>.Zero, low).AsSingle());
        b = new(Avx512BW.UnpackHigh(Vector512<ushort>.Zero, low).AsSingle());
        c = new(Avx512BW.UnpackLow(Vector512<ushort>.Zero, high).AsSingle());
        d = new(Avx512BW.UnpackHigh(Vector512<ushort>.Zero, high).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 LoadI8(sbyte* source) => new(Vector512.ConvertToSingle(Widen(source)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 operator +(Lanes512 left, Lanes512 right) => new(left.value + right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 operator *(Lanes512 left, Lanes512 right) => new(left.value * right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 operator /(Lanes512 left, Lanes512 right) => new(left.value / right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 MultiplyAdd(Lanes512 a, Lanes512 b, Lanes512 c)
        => new(Vector512.MultiplyAddEstimate(a.value, b.value, c.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Exp(Lanes512 value) => new(Vector512.Exp(value.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Lanes512 value) => Sums(value, value, value, value).ToScalar();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sums(Lanes512 a, Lanes512 b, Lanes512 c, Lanes512 d)
        => Lanes256.Sums(Halves(a.value), Halves(b.value), Halves(c.value), Halves(d.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Halves(Vector512<float> value) => value.GetLower() + value.GetUpper();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Lanes512 Join(Lanes256 lower, Lanes256 upper) => new(Vector512.Create(lower.Value, upper.Value));

    /// <summary>Sign-extends 16 bytes; one instruction on x86, two elsewhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Widen(sbyte* source)
    {
        var bytes = Vector128.Load(source);
        return Avx512F.IsSupported
            ? Avx512F.ConvertToVector512Int32(bytes)
            : Vector512.WidenLower(Vector256.WidenLower(bytes.ToVector256Unsafe()).ToVector512Unsafe());
    }

    /// <summary>Sign-extends 16 half-words; one instruction on x86.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Widen(short* source) => Avx512F.IsSupported
        ? Avx512F.ConvertToVector512Int32(Vector256.Load(source))
        : Vector512.WidenLower(Vector256.Load(source).ToVector512Unsafe());
}
