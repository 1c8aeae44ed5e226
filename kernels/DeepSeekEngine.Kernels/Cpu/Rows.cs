namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>Rows of float32 activations in memory: row i begins at Data + i * Stride.</summary>
internal readonly unsafe struct Rows(float* data, long stride, int width)
{
    public readonly float* Data = data;

    public readonly long Stride = stride;

    public readonly int Width = width;

    public float* this[int row] => Data + row * Stride;
}

/// <summary>Scratch memory, a part for each worker.</summary>
internal readonly unsafe struct WorkerScratch(byte* data, long bytesPerWorker)
{
    public byte* this[int worker] => data + worker * bytesPerWorker;
}
