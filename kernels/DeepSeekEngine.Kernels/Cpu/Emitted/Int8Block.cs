namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>A block of an Int8 panel, as <see cref="PackedLayout"/> says, to emitted code.</summary>
internal static class Int8Block
{
    public const int Steps = PackedLayout.Int8BlockColumns / PackedLayout.StepColumns;

    /// <summary>Bytes before the first step.</summary>
    public const int ScaleBytes = PackedLayout.PanelRows * sizeof(float);
}
