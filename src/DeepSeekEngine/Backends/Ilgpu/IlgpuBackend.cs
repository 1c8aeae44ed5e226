using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Gpu;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;
using IlgpuDevice = ILGPU.Runtime.Device;

namespace DeepSeekEngine.Backends.Ilgpu;

/// <summary>
/// The operations as ILGPU kernels on one CUDA or OpenCL device, or on ILGPU's CPU accelerator, which runs the same kernels as .NET code
/// and is far too slow for anything but checking them. Everything is issued to one stream.
/// </summary>
internal sealed partial class IlgpuBackend : IBackend
{
    private readonly Context context;
    private readonly Accelerator accelerator;
    private readonly KernelLoader loader;
    private readonly KernelCatalog catalog;
    private readonly long memoryLimit;
    private long allocatedBytes;

    private IlgpuBackend(
        Func<Context, Accelerator> createAccelerator, KernelCatalog catalog, long? memoryLimit, int? tensorCoreTokens, CachePrecision cache)
    {
        CachePrecision = cache;
        this.catalog = catalog;
        this.tensorCoreTokens = tensorCoreTokens ?? int.MaxValue;
        this.memoryLimit = memoryLimit ?? long.MaxValue;
        context = Context.Create(static builder => builder.ForKernels());
        try
        {
            accelerator = createAccelerator(context);
        }
        catch
        {
            context.Dispose();
            throw;
        }

        Stream = accelerator.CreateStream();
        Staging = new UploadStaging(accelerator, Stream);
        Landing = new DownloadLanding(accelerator);
        Uploads = new WeightUpload(accelerator);
        loader = new KernelLoader(accelerator, accelerator is CudaAccelerator ? Math.Min(8, Environment.ProcessorCount) : 0);
        stagedRows = new StepBuffer<float>(this);
        orders = new StepBuffer<int>(this);
        roundedRows = new StepBuffer<Quad>(this);
        expertTiles = new StepBuffer<int>(this);
        expertProducts = new StepBuffer<float>(this);
        records = new StepRecords(accelerator is CudaAccelerator ? CudaGraphs.Open(Stream) : null, loader);

        embed = LoadPerEncoding<Embed.Parameters>();
        gatherRows = Load<GatherRows.Parameters>();
        rmsNorm = Load<RmsNorm.Parameters>();
        linear = LoadPerEncoding<Linear.Parameters>();
        normLinear = LoadPerEncoding<NormLinear.Parameters>();
        projectQueries = LoadPerEncoding<ProjectQueries.Parameters>();
        normSwiGlu = LoadPerEncoding<NormSwiGlu.Parameters>();
        swiGlu = Load<SwiGlu.Parameters>();
        add = Load<Add.Parameters>();
        rotateQueries = Load<RotateQueries.Parameters>();
        appendLatents = Load<AppendLatents.Parameters>();
        appendKeyValues = Load<AppendKeyValues.Parameters>();
        storeCache = Load<StoreCache.Parameters>();
        absorbQueries = LoadPerEncoding<AbsorbQueries.Parameters>();
        cachedAttention = LoadAttention<CachedAttention.Parameters>();
        joinSplits = LoadAttention<CachedAttention.JoinParameters>();
        projectLatents = LoadPerEncoding<ProjectLatents.Parameters>();
        gatherCache = Load<GatherCache.Parameters>();
        expandedAttention = LoadAttention<ExpandedAttention.Parameters>();
        selectExperts = Load<SelectExperts.Parameters>();
        expertOrder = Load<ExpertOrder.Parameters>();
        expertsHidden = LoadPerEncoding<RoutedExperts.HiddenParameters>();
        expertsDown = LoadPerEncoding<RoutedExperts.DownParameters>();
        argMax = Load<ArgMax.Parameters>();
        joinArgMax = Load<ArgMax.JoinParameters>();
        topLogits = Load<TopLogits.Parameters>();
        joinTopLogits = Load<TopLogits.JoinParameters>();
        if (tensorCoreTokens is not null)
        {
            roundRows = Load<RoundRows.Parameters>();
            mmaLinear = LoadForTensorCores<MmaLinear.Parameters>();
            mmaTile = Load<MmaExperts.TileParameters>();
            mmaHidden = LoadForTensorCores<MmaExperts.HiddenParameters>();
            mmaDown = LoadForTensorCores<MmaExperts.DownParameters>();
            mmaMix = Load<MmaExperts.MixParameters>();
        }
    }

    public string DeviceName => accelerator.Name;

    public CachePrecision CachePrecision { get; }

    /// <summary>Records of the steps <see cref="Repeat"/> was asked for.</summary>
    internal StepRecords Records => records;

    public long AvailableBytes => Math.Min(memoryLimit - allocatedBytes, accelerator switch
    {
        CudaAccelerator cuda => cuda.GetFreeMemory(),
        CLAccelerator openCl => openCl.MemorySize - allocatedBytes,
        _ => HostMemory.Bytes - allocatedBytes,
    });

    /// <summary>Kernels issued so far, those of records included; what a CUDA graph issues is not.</summary>
    internal long Launches => loader.Launches;

    /// <summary>Bytes copied to the host so far.</summary>
    internal long DownloadedBytes { get; set; }

    internal AcceleratorStream Stream { get; }

    internal UploadStaging Staging { get; }

    internal DownloadLanding Landing { get; }

    internal WeightUpload Uploads { get; }

    /// <param name="memoryLimit">Bytes that may be allocated at most.</param>
    /// <param name="tensorCores">Whether tensor cores, if there are any, multiply many tokens, rounded to bfloat16.</param>
    /// <param name="cache">What the cache is kept as; attention is computed in float32 from any.</param>
    /// <exception cref="DeviceUnavailableException">There is no such device, or its driver refuses it.</exception>
    public static IlgpuBackend CreateCuda(
        int index, long? memoryLimit = null, bool tensorCores = true, CachePrecision cache = CachePrecision.Float32)
        => CreateOn(
            index >= 0 && index < IlgpuDevices.Cuda.Count ? IlgpuDevices.Cuda[index] : null, $"CUDA device {index}", memoryLimit, cache,
            tensorCores);

    /// <summary>Any OpenCL device, CPU drivers included.</summary>
    /// <param name="memoryLimit">Bytes that may be allocated at most.</param>
    /// <param name="cache">What the cache is kept as.</param>
    /// <exception cref="DeviceUnavailableException">There is no such device, or its driver refuses it.</exception>
    public static IlgpuBackend CreateOpenCl(int index, long? memoryLimit = null, CachePrecision cache = CachePrecision.Float32)
        => CreateOn(
            index >= 0 && index < IlgpuDevices.OpenCl.Count ? IlgpuDevices.OpenCl[index] : null, $"OpenCL device {index}", memoryLimit, cache);

    /// <param name="memoryLimit">Bytes that may be allocated at most.</param>
    /// <param name="tensorCoreTokens">Tokens from which on what tensor cores do is emulated, much more slowly; null for never.</param>
    /// <param name="catalog">The kernels; null for those in which groups have few threads.</param>
    /// <param name="cache">What the cache is kept as.</param>
    public static IlgpuBackend CreateOnCpuAccelerator(
        long? memoryLimit = null, int? tensorCoreTokens = null, KernelCatalog? catalog = null,
        CachePrecision cache = CachePrecision.Float32)
    {
        catalog ??= KernelCatalog.CpuAccelerator;
        CPUDevice device = tensorCoreTokens is null
            ? new(catalog.GroupSize, 1, 1)
            : new(TensorCores.WarpSize, catalog.TensorCoreGroupSize / TensorCores.WarpSize, 1);
        return new(device.CreateCPUAccelerator, catalog, memoryLimit, tensorCoreTokens, cache);
    }

    public DeviceArray<T> Allocate<T>(long length)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        var buffer = AllocateBuffer<T>(Math.Max(1, length));
        buffer.MemSetToZero(Stream);
        return new IlgpuArray<T>(this, buffer, length);
    }

    public Matrix LoadMatrix(in WeightMatrix matrix)
    {
        DeviceWeights weights = new(this, [matrix]);
        encodingsInUse.Add(weights.Encoding);
        return new IlgpuMatrix(weights.Encoding, matrix.Rows, matrix.Columns, weights, matrix.ExactActivations);
    }

    public ExpertMatrices LoadExperts(ReadOnlySpan<WeightMatrix> experts, Action<int>? loaded = null)
    {
        if (experts.IsEmpty)
        {
            throw new ArgumentException("There are no experts.", nameof(experts));
        }

        DeviceWeights weights = new(this, experts, loaded);
        encodingsInUse.Add(weights.Encoding);
        return new IlgpuExpertMatrices(weights.Encoding, experts.Length, experts[0].Rows, experts[0].Columns, weights);
    }

    public void Dispose()
    {
        Stream.Synchronize();
        records.Dispose();
        loader.Dispose();
        Staging.Dispose();
        Landing.Dispose();
        Uploads.Dispose();
        Stream.Dispose();
        accelerator.Dispose();
        context.Dispose();
    }

    /// <exception cref="NotEnoughMemoryException">The device has not that much memory.</exception>
    internal unsafe MemoryBuffer1D<T, Stride1D.Dense> AllocateBuffer<T>(long length)
        where T : unmanaged
    {
        long bytes = length > long.MaxValue / sizeof(T) ? long.MaxValue : length * sizeof(T);
        if (bytes > AvailableBytes)
        {
            throw OutOfMemory(bytes);
        }

        try
        {
            var buffer = accelerator.Allocate1D<T>(length);
            allocatedBytes += bytes;
            return buffer;
        }
        catch (Exception e) when (e is OutOfMemoryException or AcceleratorException)
        {
            throw OutOfMemory(bytes);
        }
    }

    internal void Release(MemoryBuffer buffer)
    {
        if (!buffer.IsDisposed)
        {
            allocatedBytes -= buffer.LengthInBytes;
            buffer.Dispose();
        }
    }

    /// <summary>Memory for so many elements, kept from call to call; what it held is lost when it grows.</summary>
    private ArrayView<T> Room<T>(ref MemoryBuffer1D<T, Stride1D.Dense>? buffer, long length)
        where T : unmanaged
    {
        if (buffer is null || buffer.Length < length)
        {
            var larger = AllocateBuffer<T>(length);
            if (buffer is not null)
            {
                Stream.Synchronize();
                Release(buffer);
            }

            buffer = larger;
        }

        return buffer.View.BaseView;
    }

    private static IlgpuBackend CreateOn(IlgpuDevice? device, string name, long? memoryLimit, CachePrecision cache, bool tensorCores = false)
    {
        if (device is null)
        {
            throw new DeviceUnavailableException($"There is no {name}.", IlgpuDevices.Names);
        }

        try
        {
            tensorCores &= device is CudaDevice { Architecture: { } architecture } && TensorCores.Exist(architecture);
            return new IlgpuBackend(device.CreateAccelerator, KernelCatalog.Gpu, memoryLimit, tensorCores ? FewTokens + 1 : null, cache);
        }
        catch (Exception e) when (e is AcceleratorException or CapabilityNotSupportedException or NotSupportedException)
        {
            throw new DeviceUnavailableException($"{name} ({device.Name}) cannot be used: {e.Message}", IlgpuDevices.Names, e);
        }
    }

    private NotEnoughMemoryException OutOfMemory(long bytes)
        => new(bytes, AvailableBytes, $"Free memory on {DeviceName}, shorten the context or use a device with more memory.");

    private LoadedKernel<TParameters> Load<TParameters>()
        where TParameters : struct
        => new(loader, catalog.Get<TParameters>(), Stream, catalog.GroupSize);

    private LoadedKernel<TParameters> LoadAttention<TParameters>()
        where TParameters : struct
        => new(loader, catalog.Get<TParameters>(), Stream, 1 << catalog.AttentionShift);

    /// <summary>Indexed by <see cref="WeightEncoding"/>.</summary>
    private LoadedKernel<TParameters>[] LoadPerEncoding<TParameters>()
        where TParameters : struct
        => [.. KernelCatalog.Encodings.Select(
            encoding => new LoadedKernel<TParameters>(loader, catalog.Get<TParameters>(encoding), Stream, catalog.GroupSize))];
}
