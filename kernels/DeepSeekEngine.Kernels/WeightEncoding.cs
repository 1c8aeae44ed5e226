namespace DeepSeekEngine.Kernels;

/// <summary>How the elements of a weight matrix are stored. Kernels decode them in registers.</summary>
internal enum WeightEncoding
{
    /// <summary>IEEE 754 binary32.</summary>
    F32,

    /// <summary>IEEE 754 binary16.</summary>
    F16,

    /// <summary>The upper half of a binary32.</summary>
    BF16,

    /// <summary>OCP E4M3 (bias 7, no infinities, 0x7F and 0xFF are NaN), with one float32 scale a block of rows and columns.</summary>
    F8E4M3,

    /// <summary>Eight-bit integers with one float32 scale for 128 columns of a row, as <see cref="PackedLayout"/> says.</summary>
    Int8,

    /// <summary>Four-bit integers with one bfloat16 scale for 32 columns of a row, as <see cref="PackedLayout"/> says.</summary>
    Int4,
}
