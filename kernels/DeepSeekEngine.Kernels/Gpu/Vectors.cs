using System.Runtime.InteropServices;

namespace DeepSeekEngine.Kernels.Gpu;

/// <summary>16 bytes, loaded by one instruction.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Quad
{
    public uint X;
    public uint Y;
    public uint Z;
    public uint W;
}

/// <summary>One value for each token of a tile.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Float4
{
    public float X;
    public float Y;
    public float Z;
    public float W;

    public static Float4 operator +(Float4 a, Float4 b) => new() { X = a.X + b.X, Y = a.Y + b.Y, Z = a.Z + b.Z, W = a.W + b.W };
}
