using System.Runtime.Intrinsics;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>Which registers the kernels are compiled for.</summary>
internal enum LaneWidth
{
    Bits128 = 128,
    Bits256 = 256,
    Bits512 = 512,
}

internal static class LaneWidths
{
    /// <summary>float32 lanes of the widest registers there are.</summary>
    public const int MaxLanes = (int)LaneWidth.Bits512 / 32;

    /// <summary>The widest registers this processor computes with.</summary>
    public static LaneWidth Native => Vector512.IsHardwareAccelerated ? LaneWidth.Bits512
        : Vector256.IsHardwareAccelerated ? LaneWidth.Bits256
        : LaneWidth.Bits128;
}
