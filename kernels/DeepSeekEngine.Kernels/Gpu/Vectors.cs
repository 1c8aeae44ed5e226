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

    /// <summary>Component <paramref name="index"/> of 0 to 3.</summary>
    public readonly uint At(int index) => index < 2 ? (index == 0 ? X : Y) : (index == 2 ? Z : W);
}

/// <summary>8 bytes, stored by one instruction.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Pair
{
    public uint X;
    public uint Y;
}

/// <summary>Four values: of the tokens of a tile, of columns side by side or of rows one below the other.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Float4
{
    public float X;
    public float Y;
    public float Z;
    public float W;

    public static Float4 operator +(Float4 a, Float4 b) => new() { X = a.X + b.X, Y = a.Y + b.Y, Z = a.Z + b.Z, W = a.W + b.W };

    /// <summary>Component <paramref name="index"/> of 0 to 3.</summary>
    public readonly float At(int index) => index < 2 ? (index == 0 ? X : Y) : (index == 2 ? Z : W);
}

/// <summary>Something of each of four rows, one below the other.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Rows4<T>
    where T : unmanaged
{
    public T A;
    public T B;
    public T C;
    public T D;
}
