using System.Reflection;
using System.Runtime.CompilerServices;
using ILGPU;

// ILGPU emits the code that calls a kernel into an assembly of this name.
[assembly: InternalsVisibleTo(Context.RuntimeAssemblyName)]

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>
/// Marks a kernel: a static method with one parameter, a struct no other kernel takes, explicitly grouped, generic over
/// <see cref="IPlatform"/> or over <see cref="IWeightFormat"/> and <see cref="IPlatform"/>.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class GpuKernelAttribute : Attribute
{
    /// <summary>Whether only devices with <see cref="Gpu.TensorCores"/> can have it; its weight format then is an <see cref="ITensorCoreFormat"/>.</summary>
    public bool TensorCores { get; init; }
}

/// <summary>
/// Every kernel of this assembly, for one platform. Backends load kernels by their parameter struct from here and from nowhere else.
/// </summary>
internal sealed class KernelCatalog
{
    private static readonly Dictionary<Type, MethodInfo> Definitions = typeof(KernelCatalog).Assembly.GetTypes()
        .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
        .Where(method => method.IsDefined(typeof(GpuKernelAttribute)))
        .ToDictionary(method => method.GetParameters().Single().ParameterType);

    private readonly Type platform;

    private KernelCatalog(Type platform, int groupSize, int attentionShift, int mmaShift)
    {
        this.platform = platform;
        GroupSize = groupSize;
        AttentionShift = attentionShift;
        MmaShift = mmaShift;
    }

    /// <summary>The kernels for CUDA and OpenCL.</summary>
    public static KernelCatalog Gpu { get; } = new(typeof(GpuPlatform), GpuPlatform.GroupSize, GpuPlatform.AttentionShift, GpuPlatform.MmaShift);

    /// <summary>The kernels for ILGPU's CPU accelerator.</summary>
    public static KernelCatalog CpuAccelerator { get; }
        = new(
            typeof(CpuAcceleratorPlatform), CpuAcceleratorPlatform.GroupSize, CpuAcceleratorPlatform.AttentionShift,
            CpuAcceleratorPlatform.MmaShift);

    /// <summary>Threads a group: <see cref="IPlatform.GroupSize"/>.</summary>
    public int GroupSize { get; }

    /// <summary><see cref="IPlatform.AttentionShift"/>.</summary>
    public int AttentionShift { get; }

    /// <summary><see cref="IPlatform.MmaShift"/>.</summary>
    public int MmaShift { get; }

    /// <summary>Threads a group of those kernels for tensor cores that have a weight format.</summary>
    public int TensorCoreGroupSize => 1 << MmaTile.GroupShift(MmaShift);

    /// <summary>The encodings there are weight formats for.</summary>
    public static IEnumerable<WeightEncoding> Encodings { get; } = Enum.GetValues<WeightEncoding>();

    /// <summary>Every kernel with every weight format, those for tensor cores apart.</summary>
    public IEnumerable<MethodInfo> All => Kernels(tensorCores: false);

    /// <summary>Every kernel for tensor cores with every weight format it can have.</summary>
    public IEnumerable<MethodInfo> AllForTensorCores => Kernels(tensorCores: true);

    /// <summary>The kernel that takes <typeparamref name="TParameters"/>.</summary>
    public MethodInfo Get<TParameters>()
        where TParameters : struct
        => Definitions[typeof(TParameters)].MakeGenericMethod(platform);

    /// <summary>The kernel that takes <typeparamref name="TParameters"/>, for weights stored as <paramref name="encoding"/>.</summary>
    public MethodInfo Get<TParameters>(WeightEncoding encoding)
        where TParameters : struct
        => Definitions[typeof(TParameters)].MakeGenericMethod(Format(encoding), platform);

    /// <summary>The encoding of the weights a kernel is for; null if it has none.</summary>
    public static WeightEncoding? EncodingOf(MethodInfo kernel)
    {
        var format = kernel.GetGenericArguments()[0];
        foreach (var encoding in Encodings)
        {
            if (Format(encoding) == format)
            {
                return encoding;
            }
        }

        return null;
    }

    /// <summary>Whether tensor cores can multiply weights stored as <paramref name="encoding"/>.</summary>
    public static bool HasTensorCoreFormat(WeightEncoding encoding) => Format(encoding).IsAssignableTo(typeof(ITensorCoreFormat));

    private IEnumerable<MethodInfo> Kernels(bool tensorCores)
        => from definition in Definitions.Values
           where definition.GetCustomAttribute<GpuKernelAttribute>()!.TensorCores == tensorCores
           from kernel in definition.GetGenericArguments().Length == 1
               ? [definition.MakeGenericMethod(platform)]
               : Encodings.Where(encoding => !tensorCores || HasTensorCoreFormat(encoding))
                   .Select(encoding => definition.MakeGenericMethod(Format(encoding), platform))
           select kernel;

    private static Type Format(WeightEncoding encoding) => encoding switch
    {
        WeightEncoding.F32 => typeof(F32),
        WeightEncoding.F16 => typeof(F16),
        WeightEncoding.BF16 => typeof(BF16),
        WeightEncoding.F8E4M3 => typeof(F8E4M3),
        WeightEncoding.Int8 => typeof(Int8),
        WeightEncoding.Int4 => typeof(Int4),
        _ => throw new ArgumentOutOfRangeException(nameof(encoding)),
    };
}
