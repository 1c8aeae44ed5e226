namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Tells the system which bytes of mapped files the chosen experts take, before they are computed: without it a thread waits for one page
/// at a time, with it the disk has all of a layer to read at once, and reads the down projections while the others are computed.
/// A task is a matrix; threads share them because it takes time to have many pages read.
/// </summary>
/// <remarks>
/// The experts are those of the current layer, which its router has just chosen. Those of the next layer are not known before this layer
/// is done: a guess costs the disk's time when it is wrong, and the disk is what a token waits for.
/// </remarks>
internal unsafe struct AnnounceExpertsJob : IParallelJob
{
    private const int Projections = 3;

    public required WeightMatrix* Gate { get; init; }

    public required WeightMatrix* Up { get; init; }

    public required WeightMatrix* Down { get; init; }

    public required ExpertGroups Groups { get; init; }

    public required int ActiveExperts { get; init; }

    /// <summary>Whether the system has ever said of a page that it is not in memory.</summary>
    public required bool IsBelieved { get; set; }

    public int Tasks => Projections * ActiveExperts;

    public long ByteLength => ActiveExperts * (Gate->ByteLength + Up->ByteLength + Down->ByteLength);

    public void Run<TLanes>(int start, int end, int worker)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        bool believed = IsBelieved;
        for (int task = start; task < end; task++)
        {
            // In the order they are computed in: gate and up of every expert, then down of every expert.
            bool isDown = task >= 2 * ActiveExperts;
            int expert = Groups.Active[isDown ? task - 2 * ActiveExperts : task / 2];
            WeightMatrix* matrix = (isDown ? Down : task % 2 == 0 ? Gate : Up) + expert;
            MemoryAdvice.WillNeed(matrix->Data, matrix->ByteLength, ref believed);
            if (matrix->Scales != null)
            {
                MemoryAdvice.WillNeed((byte*)matrix->Scales, (long)matrix->ScaleRows * matrix->ScaleColumns * sizeof(float), ref believed);
            }
        }

        if (believed)
        {
            IsBelieved = true;
        }
    }
}
