using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>The rows of a layer's cache, in the precision they are kept in.</summary>
internal readonly unsafe struct CacheRows(Rows rows, CacheLayout layout)
{
    public CacheLayout Layout => layout;

    /// <summary>Bytes from one row to the next.</summary>
    public nint RowBytes => (nint)rows.Stride * sizeof(float);

    /// <summary>Floats a key-value head's part takes the place of, the last perhaps not all.</summary>
    public int PartLength => layout.Precision switch
    {
        CachePrecision.Float32 => layout.Shape.RowHead,
        CachePrecision.BFloat16 => (layout.Shape.RowHead + 1) / 2,
        _ => layout.PartLength,
    };

    /// <summary>A key-value head's part of a row.</summary>
    public float* Part(long row, int head)
    {
        float* start = rows.Data + row * rows.Stride;
        return layout.Precision switch
        {
            CachePrecision.Float32 => start + (long)head * layout.Shape.RowHead,
            CachePrecision.BFloat16 => (float*)((ushort*)start + (long)head * layout.Shape.RowHead),
            _ => start + (long)head * layout.PartLength,
        };
    }

    /// <summary>Keeps the piece of a part that begins at a column, 0 or <see cref="CacheLayout.FirstPiece"/>.</summary>
    public void Store(float* part, int column, float* values, int width)
    {
        switch (layout.Precision)
        {
            case CachePrecision.Float32:
                new ReadOnlySpan<float>(values, width).CopyTo(new Span<float>(part + column, width));
                break;
            case CachePrecision.BFloat16:
                Round(values, width, (ushort*)part + column);
                break;
            default:
                part[column == 0 ? 0 : 1] = Quantize(values, width, (sbyte*)(part + CacheLayout.Scales) + column);
                break;
        }
    }

    /// <summary>The values of a part.</summary>
    public void Load<TLanes>(float* part, float* destination)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int width = layout.Shape.RowHead;
        switch (layout.Precision)
        {
            case CachePrecision.Float32:
                new ReadOnlySpan<float>(part, width).CopyTo(new Span<float>(destination, width));
                break;
            case CachePrecision.BFloat16:
                Widen<TLanes>((ushort*)part, width, destination);
                break;
            default:
                int first = layout.FirstPiece;
                var bytes = (sbyte*)(part + CacheLayout.Scales);
                Scale<TLanes>(bytes, part[0], first, destination);
                Scale<TLanes>(bytes + first, part[1], width - first, destination + first);
                break;
        }
    }

    /// <summary>The nearest bfloat16, ties to even; NaN stays NaN, what is subnormal becomes zero, as the instruction for it has it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Round(float* values, int width, ushort* destination)
    {
        int i = 0;
        for (; i + Vector128<ushort>.Count <= width; i += Vector128<ushort>.Count)
        {
            Vector128.Narrow(Rounded(Vector128.Load(values + i)), Rounded(Vector128.Load(values + i + 4))).Store(destination + i);
        }

        for (; i < width; i++)
        {
            destination[i] = (ushort)Rounded(Vector128.CreateScalar(values[i])).ToScalar();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Rounded(Vector128<float> values)
    {
        Vector128<uint> bits = values.AsUInt32();
        Vector128<uint> magnitude = bits & Vector128.Create(0x7FFFFFFFu);
        Vector128<uint> sign = bits ^ magnitude;
        bits = Vector128.ConditionalSelect(Vector128.LessThan(magnitude, Vector128.Create(0x00800000u)), sign, bits);
        Vector128<uint> nearest = bits + Vector128.Create(0x7FFFu) + (bits >> 16 & Vector128.Create(1u));
        Vector128<uint> isNumber = Vector128.LessThanOrEqual(magnitude, Vector128.Create(0x7F800000u));
        return Vector128.ConditionalSelect(isNumber, nearest, bits | Vector128.Create(0x00400000u)) >> 16;
    }

    private static void Widen<TLanes>(ushort* row, int width, float* destination)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        int i = 0;
        for (; i + TLanes.Count <= width; i += TLanes.Count)
        {
            TLanes.Store(TLanes.LoadBF16(row + i), destination + i);
        }

        for (; i < width; i++)
        {
            destination[i] = BitConverter.UInt32BitsToSingle((uint)row[i] << 16);
        }
    }

    /// <summary>destination[i] = the integer nearest to values[i] / scale, ties to even.</summary>
    /// <returns>The scale; NaN, with zeros, where one of the values is not finite, so that nobody takes them for numbers.</returns>
    private static float Quantize(float* values, int width, sbyte* destination)
    {
        // A NaN among them is the largest.
        float largest = width > 0 ? MathF.Abs(TensorPrimitives.MaxMagnitude(new ReadOnlySpan<float>(values, width))) : 0;
        bool isFinite = float.IsFinite(largest);
        if (!isFinite || largest < GroupRounding.Smallest)
        {
            new Span<sbyte>(destination, width).Clear();
            return isFinite ? 0 : float.NaN;
        }

        float inverse = CacheLayout.LargestByte / largest;
        for (int i = 0; i < width; i++)
        {
            destination[i] = (sbyte)MathF.Round(values[i] * inverse);
        }

        return largest / CacheLayout.LargestByte;
    }

    private static void Scale<TLanes>(sbyte* bytes, float scale, int width, float* destination)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        TLanes factor = TLanes.Broadcast(scale);
        int i = 0;
        for (; i + TLanes.Count <= width; i += TLanes.Count)
        {
            TLanes.Store(TLanes.LoadI8(bytes + i) * factor, destination + i);
        }

        for (; i < width; i++)
        {
            destination[i] = bytes[i] * scale;
        }
    }
}
