using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;
using ILGPU.IR.Types;
using ILGPU.IR.Values;
using ILGPU.Runtime.Cuda;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// Instructions for matrices that a warp of 32 lanes executes together, and copies to shared memory that do not wait: CUDA devices of compute
/// capability 8.0 and above have them (PTX ISA, "mma", "ldmatrix", "cp.async"). ILGPU knows none of them, so they are emitted here. On its CPU
/// accelerator, with warps of 32 threads, the bodies below do the same, lane by lane.
/// </summary>
internal static unsafe class TensorCores
{
    public const int WarpSize = WarpExchange.Lanes;

    /// <summary>Whether CUDA devices of this compute capability have them.</summary>
    public static bool Exist(CudaArchitecture architecture) => architecture >= CudaArchitecture.SM_80;

    /// <summary>
    /// A b + c for a warp: A of 16 x 16 and b of 16 x 8 in bfloat16, c of 16 x 8 in float32. With g = lane / 4 and t = 2 (lane % 4), a lane has
    /// <code>
    /// A   X: [g, t], [g, t + 1]   Y: the same of row g + 8   Z: [g, t + 8], [g, t + 9]   W: the same of row g + 8   (the first in the low half)
    /// b   b0: [t, g], [t + 1, g]   b1: [t + 8, g], [t + 9, g]
    /// c   X: [g, t]   Y: [g, t + 1]   Z: [g + 8, t]   W: [g + 8, t + 1]
    /// </code>
    /// Products are exact; the hardware does not say how it rounds their sum, the body does once.
    /// </summary>
    [IntrinsicImplementation]
    public static Float4 MultiplyAdd(Quad a, uint b0, uint b1, Float4 c)
    {
        ReadOnlySpan<uint> lanes = WarpExchange.Show([a.X, a.Y, a.Z, a.W, b0, b1]);
        (int row, int column) = (Warp.LaneIdx >> 2, (Warp.LaneIdx & 3) << 1);
        return new()
        {
            X = Dot(lanes, row, 0, column, c.X),
            Y = Dot(lanes, row, 0, column + 1, c.Y),
            Z = Dot(lanes, row, 1, column, c.Z),
            W = Dot(lanes, row, 1, column + 1, c.W),
        };
    }

    /// <summary>a * b + c of two pairs of bfloat16, rounded to the nearest; here only ever asked for what needs no rounding.</summary>
    [IntrinsicImplementation]
    public static uint MultiplyAddPairs(uint a, uint b, uint c)
        => (MultiplyAddUpper(a << 16, b << 16, c << 16) >> 16)
            | MultiplyAddUpper(a & 0xffff0000u, b & 0xffff0000u, c & 0xffff0000u);

    /// <summary>
    /// Four matrices of 8 rows of 16 bytes from shared memory. Lane 8 i + j says where row j of matrix i is; of each matrix a lane receives
    /// the word lane % 4 of row lane / 4.
    /// </summary>
    /// <param name="row">In shared memory.</param>
    [IntrinsicImplementation]
    public static Quad LoadMatrices(ref Quad row)
    {
        ReadOnlySpan<uint> lanes = WarpExchange.Show([row.X, row.Y, row.Z, row.W]);
        (int line, int word) = (Warp.LaneIdx >> 2, Warp.LaneIdx & 3);
        return new()
        {
            X = WarpExchange.Of(lanes, line)[word],
            Y = WarpExchange.Of(lanes, line + 8)[word],
            Z = WarpExchange.Of(lanes, line + 16)[word],
            W = WarpExchange.Of(lanes, line + 24)[word],
        };
    }

    /// <summary>Begins to copy 16 bytes from global to shared memory, those after the first <paramref name="bytes"/> zero.</summary>
    [IntrinsicImplementation]
    public static void CopyAsync(ref Quad shared, ref Quad global, int bytes)
        => DeferredCopies.Current.Add(Unsafe.AsPointer(ref shared), Unsafe.AsPointer(ref global), bytes);

    /// <summary>Makes a batch of the copies this thread has begun since the last.</summary>
    [IntrinsicImplementation]
    public static void CommitCopies() => DeferredCopies.Current.Commit();

    /// <summary>Waits for all batches of this thread but the last. Other threads see what was copied after a barrier.</summary>
    [IntrinsicImplementation]
    public static void WaitForAllButLastCopies() => DeferredCopies.Current.WaitForAllButLast();

    /// <summary>Makes the instructions known to a context.</summary>
    public static void Register(IntrinsicImplementationManager intrinsics)
    {
        Add(nameof(MultiplyAdd), nameof(EmitMultiplyAdd));
        Add(nameof(MultiplyAddPairs), nameof(EmitMultiplyAddPairs));
        Add(nameof(LoadMatrices), nameof(EmitLoadMatrices));
        Add(nameof(CopyAsync), nameof(EmitCopyAsync));
        Add(nameof(CommitCopies), nameof(EmitCommitCopies));
        Add(nameof(WaitForAllButLastCopies), nameof(EmitWaitForAllButLastCopies));

        void Add(string method, string generator) => intrinsics.RegisterMethod(
            typeof(TensorCores).GetMethod(method)!,
            new PTXIntrinsic(typeof(TensorCores), generator, IntrinsicImplementationMode.GenerateCode));
    }

    public static void EmitMultiplyAdd(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        var call = (MethodCall)value;
        string a = Vector(generator, generator.Load(call[0]));
        (string b0, string b1) = (Register(generator, call[1]), Register(generator, call[2]));
        string c = Vector(generator, generator.Load(call[3]));
        string target = Vector(generator, generator.Allocate(value));
        Emit(generator, $"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {target}, {a}, {{{b0}, {b1}}}, {c};");
    }

    public static void EmitMultiplyAddPairs(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        var call = (MethodCall)value;
        (string a, string b, string c) = (Register(generator, call[0]), Register(generator, call[1]), Register(generator, call[2]));
        Emit(generator, $"fma.rn.bf16x2 {Name(generator.AllocateHardware(value))}, {a}, {b}, {c};");
    }

    public static void EmitLoadMatrices(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        string row = Address(generator, ((MethodCall)value)[0], MemoryAddressSpace.Shared);
        string target = Vector(generator, generator.Allocate(value));
        Emit(generator, $"ldmatrix.sync.aligned.m8n8.x4.shared.b16 {target}, [{row}];");
    }

    public static void EmitCopyAsync(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        var call = (MethodCall)value;
        string shared = Address(generator, call[0], MemoryAddressSpace.Shared);
        string global = Address(generator, call[1], MemoryAddressSpace.Global);
        Emit(generator, $"cp.async.cg.shared.global [{shared}], [{global}], 16, {Register(generator, call[2])};");
    }

    public static void EmitCommitCopies(PTXBackend backend, PTXCodeGenerator generator, Value value)
        => Emit(generator, "cp.async.commit_group;");

    public static void EmitWaitForAllButLastCopies(PTXBackend backend, PTXCodeGenerator generator, Value value)
        => Emit(generator, "cp.async.wait_group 1;");

    /// <summary>c + A[row + 8 lower] . b[column], from what the lanes show.</summary>
    private static float Dot(ReadOnlySpan<uint> lanes, int row, int lower, int column, float c)
    {
        double sum = c;
        for (int pair = 0; pair < 4; pair++)
        {
            ReadOnlySpan<uint> a = WarpExchange.Of(lanes, (row << 2) + pair);
            ReadOnlySpan<uint> b = WarpExchange.Of(lanes, (column << 2) + pair);
            sum += PairDot(a[lower], b[4]) + PairDot(a[lower + 2], b[5]);
        }

        return (float)sum;
    }

    private static double PairDot(uint a, uint b)
        => (double)BitConverter.UInt32BitsToSingle(a << 16) * BitConverter.UInt32BitsToSingle(b << 16)
            + (double)BitConverter.UInt32BitsToSingle(a & 0xffff0000u) * BitConverter.UInt32BitsToSingle(b & 0xffff0000u);

    /// <summary>Of values that have their bits in the upper half.</summary>
    private static uint MultiplyAddUpper(uint a, uint b, uint c)
    {
        double sum = (double)BitConverter.UInt32BitsToSingle(a) * BitConverter.UInt32BitsToSingle(b) + BitConverter.UInt32BitsToSingle(c);
        return BFloat16Pairs.Round(0f, (float)sum) & 0xffff0000u;
    }

    private static void Emit(PTXCodeGenerator generator, string instruction) => generator.Builder.Append('\t').AppendLine(instruction);

    /// <summary>A register with an address. That it is one in this space must have been inferred: nothing else is ever asked for.</summary>
    private static string Address(PTXCodeGenerator generator, Value value, MemoryAddressSpace space)
    {
        MemoryAddressSpace inferred = ((AddressSpaceType)value.Type).AddressSpace;
        return inferred == space
            ? Register(generator, value)
            : throw new NotSupportedException($"An address in {space} memory is needed; the compiler knows this one as {inferred}.");
    }

    private static string Register(PTXCodeGenerator generator, Value value)
        => Name(generator.EnsureHardwareRegister(generator.LoadPrimitive(value)));

    private static string Vector(PTXCodeGenerator generator, RegisterAllocator<PTXRegisterKind>.Register register)
    {
        var parts = ((RegisterAllocator<PTXRegisterKind>.CompoundRegister)register).Children;
        return "{" + string.Join(", ", parts.Select(
            part => Name(generator.EnsureHardwareRegister((RegisterAllocator<PTXRegisterKind>.PrimitiveRegister)part)))) + "}";
    }

    private static string Name(RegisterAllocator<PTXRegisterKind>.HardwareRegister register)
        => "%" + PTXRegisterAllocator.GetStringRepresentation(register);
}
