namespace DeepSeekEngine;

/// <summary>The format a model's large matrices are computed from.</summary>
public enum WeightFormat
{
    /// <summary>
    /// As the checkpoint stores them: F32, F16, BF16, FP8 with block scales, or the format it was packed in. They stay in their files,
    /// which are mapped, so they may be larger than memory.
    /// </summary>
    AsStored,

    /// <summary>
    /// Eight-bit integers with a scale for 128 columns of a row: about 1.03 bytes a weight. A checkpoint that is not packed so is
    /// quantised while it is loaded, into memory.
    /// </summary>
    Int8,

    /// <summary>
    /// Four-bit integers with a scale for 32 columns of a row: about 0.56 bytes a weight. A checkpoint that is not packed so is
    /// quantised while it is loaded, into memory.
    /// </summary>
    Int4,

    /// <summary>
    /// The first of <see cref="AsStored"/>, <see cref="Int8"/> and <see cref="Int4"/> with which all of the model fits the memory that is free,
    /// cache and workspaces included, on a GPU with its routed experts on the CPU if <see cref="EngineOptions.Experts"/> allows it. Where none
    /// does, a CPU reads weights as stored from their files as it needs them, and a GPU refuses the model. A packed checkpoint keeps its own.
    /// </summary>
    Auto,
}
