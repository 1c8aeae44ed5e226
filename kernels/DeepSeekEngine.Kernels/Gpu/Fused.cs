using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;
using ILGPU.IR.Values;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// Multiplication and addition with one rounding. ILGPU knows no such operation (MathF's becomes a call of nothing on CUDA) and OpenCL
/// compilers may not fuse across the statements ILGPU emits, so the instruction is emitted here: dot products round half as often.
/// </summary>
internal static class Fused
{
    /// <summary>a * b + c.</summary>
    [IntrinsicImplementation]
    public static float MultiplyAdd(float a, float b, float c) => MathF.FusedMultiplyAdd(a, b, c);

    /// <summary>A context's settings for compiling the kernels: this operation and those of tensor cores known, at the given level.</summary>
    public static Context.Builder ForKernels(this Context.Builder builder, OptimizationLevel level = OptimizationLevel.O2)
    {
        var method = typeof(Fused).GetMethod(nameof(MultiplyAdd))!;
        var intrinsics = builder.GetIntrinsicManager();
        intrinsics.RegisterMethod(method, new CLIntrinsic(typeof(Fused), nameof(EmitOpenCl), IntrinsicImplementationMode.GenerateCode));
        intrinsics.RegisterMethod(method, new PTXIntrinsic(typeof(Fused), nameof(EmitPtx), IntrinsicImplementationMode.GenerateCode));
        TensorCores.Register(intrinsics);
        return builder.EnableAlgorithms().Optimize(level);
    }

    public static void EmitOpenCl(CLBackend backend, CLCodeGenerator generator, Value value)
    {
        var call = (MethodCall)value;
        var (a, b, c) = (generator.Load(call[0]), generator.Load(call[1]), generator.Load(call[2]));
        var target = generator.Allocate(value);
        using var statement = generator.BeginStatement(target);
        statement.AppendCommand("fma");
        statement.BeginArguments();
        statement.AppendArgument(a);
        statement.AppendArgument(b);
        statement.AppendArgument(c);
        statement.EndArguments();
    }

    public static void EmitPtx(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        var call = (MethodCall)value;
        var (a, b, c) = (generator.LoadPrimitive(call[0]), generator.LoadPrimitive(call[1]), generator.LoadPrimitive(call[2]));
        var target = generator.AllocateHardware(value);
        using var command = generator.BeginCommand("fma.rn.f32");
        command.AppendArgument(target);
        command.AppendArgument(a);
        command.AppendArgument(b);
        command.AppendArgument(c);
    }
}
