namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Tells the system which bytes of mapped files the chosen experts take, before they are computed: without it a thread waits for one page
/// at a time, with it the disk has all of a layer to read at once, and reads the down projections while the others are computed.
/// A task is a matrix. Threads share them because asking for what is in memory already takes time too, and they are many.
/// </summary>
/// <remarks>
/// The experts are those of the current layer, which its router has just chosen. Those of the next layer are not known before this layer
/// is done: a guess costs the disk's time when it is wrong, and the disk is what a token waits for.
/// </remarks>
internal readonly unsafe struct AnnounceExpertsJob : IParallelJob
{
    private const int Projections = 3;

    public required WeightMatrix* Gate { get; init; }

    public required WeightMatrix* Up { get; init; }

    public required WeightMatrix* Down { get; init; }

    public required ExpertGroups Groups { get; init; }

    public required int ActiveExperts { get; init; }

    public int Tasks => Projections * ActiveExperts;

    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        for (int task = start; task < end; task++)
        {
            // In the order they are computed in: gate and up of every expert, then down of every expert.
            int expert = Groups.Active[task < 2 * ActiveExperts ? task / 2 : task - 2 * ActiveExperts];
            WeightMatrix* matrix = (task >= 2 * ActiveExperts ? Down : task % 2 == 0 ? Gate : Up) + expert;
            MemoryAdvice.WillNeed(matrix->Data, matrix->ByteLength);
            if (matrix->Scales != null)
            {
                MemoryAdvice.WillNeed((byte*)matrix->Scales, (long)matrix->ScaleRows * matrix->ScaleColumns * sizeof(float));
            }
        }
    }
}
