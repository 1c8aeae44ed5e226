namespace DeepSeekEngine;

/// <summary>What is being done to load a model.</summary>
public enum LoadStage
{
    /// <summary>Reading and checking the configuration, the tokenizer and the headers of the weight files.</summary>
    Inspecting,

    /// <summary>Bringing the weights to the device.</summary>
    LoadingWeights,

    /// <summary>Compiling kernels and allocating the cache.</summary>
    Preparing,

    /// <summary>Done: the model answers.</summary>
    Ready,
}

/// <summary>How far the loading of a model is.</summary>
/// <param name="Stage">What is being done.</param>
/// <param name="BytesDone">Bytes of weights brought to the device.</param>
/// <param name="BytesTotal">Bytes of weights there are; 0 while that is not known.</param>
public readonly record struct LoadProgress(LoadStage Stage, long BytesDone, long BytesTotal)
{
    /// <summary>Kernels compiled for a GPU so far, in the stage <see cref="LoadStage.Preparing"/>.</summary>
    public int KernelsDone { get; init; }

    /// <summary>Kernels there are to compile; 0 where there are none or that is not known.</summary>
    public int KernelsTotal { get; init; }

    /// <summary>The share of the weights brought to the device, 0 to 1; 0 while their size is not known.</summary>
    public double Fraction => BytesTotal > 0 ? Math.Clamp((double)BytesDone / BytesTotal, 0, 1) : 0;
}
