using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// Products of stored rows and one token, in <see cref="DotProduct"/>'s order: decoded in registers, read from memory as one stream.
/// Four segments at a time, of whichever rows, hide the latency of adding into one register a segment.
/// </summary>
internal static unsafe class StoredRows
{
    private const int Streams = 4;

    /// <summary>Floats of scratch <see cref="MultiplyDecoded{TLanes, TDecoder}"/> needs.</summary>
    public const int DecodedLength = Streams * (DotProduct.MaxSegment + 16);

    /// <summary>
    /// Whether <see cref="Multiply{TLanes, TDecoder}"/> can: if there are scales, their blocks must divide a segment, and a step them.
    /// </summary>
    public static bool CanMultiply<TLanes, TDecoder>(in WeightMatrix matrix, int row, int rows)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
        => !TDecoder.Scaled
            || (DotProduct.SegmentRegisters * TLanes.Count % matrix.BlockColumns == 0
                && matrix.BlockColumns % (DotProduct.Step * TLanes.Count) == 0
                && Float8.AreFoldable(matrix, row, rows));

    /// <summary>y[i] = (accumulate ? y[i] : 0) + W[row + i] . x, i &lt; rows.</summary>
    [SkipLocalsInit]
    public static void Multiply<TLanes, TDecoder>(in WeightMatrix matrix, int row, int rows, float* x, float* y, bool accumulate)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
    {
        int segment = DotProduct.SegmentRegisters * TLanes.Count;
        int segments = matrix.Columns / segment;
        int rest = matrix.Columns % segment;
        long rowBytes = (long)matrix.Columns * TDecoder.Bytes;
        byte** weights = stackalloc byte*[Streams];
        float** columns = stackalloc float*[Streams];
        float** scales = stackalloc float*[Streams];
        float** targets = stackalloc float*[Streams];
        if (!accumulate)
        {
            new Span<float>(y, rows).Clear();
        }

        for (int first = 0; first < rows; first += Streams)
        {
            int group = Math.Min(Streams, rows - first);
            byte* data = matrix.Data + (row + first) * rowBytes;
            int i = 0, s = 0;
            for (int left = group * segments; left > 0; left -= Streams)
            {
                int used = Math.Min(Streams, left);
                for (int stream = 0; stream < Streams; stream++)
                {
                    weights[stream] = data + i * rowBytes + (long)s * segment * TDecoder.Bytes;
                    columns[stream] = x + s * segment;
                    scales[stream] = Scales<TDecoder>(matrix, row + first + i, s * segment);
                    targets[stream] = y + first + i;
                    if (stream + 1 < used && ++s == segments)
                    {
                        s = 0;
                        i++;
                    }
                }

                Add(Segments<TLanes, TDecoder>(weights, columns, scales, matrix.BlockColumns, segment), targets, used);
                if (++s == segments)
                {
                    s = 0;
                    i++;
                }
            }

            if (rest > 0)
            {
                for (int stream = 0; stream < Streams; stream++)
                {
                    int r = Math.Min(stream, group - 1);
                    weights[stream] = data + r * rowBytes + (long)segments * segment * TDecoder.Bytes;
                    columns[stream] = x + segments * segment;
                    scales[stream] = Scales<TDecoder>(matrix, row + first + r, segments * segment);
                    targets[stream] = y + first + r;
                }

                Add(Segments<TLanes, TDecoder>(weights, columns, scales, matrix.BlockColumns, rest), targets, group);
            }

            if (TDecoder.Scaled && Float8.AnyNaN(data, group * rowBytes))
            {
                for (int r = 0; r < group; r++)
                {
                    y[first + r] = Float8.AnyNaN(data + r * rowBytes, rowBytes) ? float.NaN : y[first + r];
                }
            }
        }
    }

    /// <summary>The same of any blocks and scales: four rows are decoded, a segment of each, before they are multiplied.</summary>
    /// <param name="scratch"><see cref="DecodedLength"/> floats.</param>
    [SkipLocalsInit]
    public static void MultiplyDecoded<TLanes, TDecoder>(
        in WeightMatrix matrix, int row, int rows, float* x, float* y, bool accumulate, float* scratch)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
    {
        int segment = DotProduct.SegmentRegisters * TLanes.Count;

        // Rows a power of two apart would be in the same banks of the first-level cache.
        int stride = segment + TLanes.Count;
        byte** weights = stackalloc byte*[Streams];
        float** columns = stackalloc float*[Streams];
        float** targets = stackalloc float*[Streams];
        if (!accumulate)
        {
            new Span<float>(y, rows).Clear();
        }

        for (int first = 0; first < rows; first += Streams)
        {
            int group = Math.Min(Streams, rows - first);
            for (int column = 0; column < matrix.Columns; column += segment)
            {
                int length = Math.Min(segment, matrix.Columns - column);
                for (int stream = 0; stream < Streams; stream++)
                {
                    int r = Math.Min(stream, group - 1);
                    if (r == stream)
                    {
                        MatrixRows.DecodeRow<TLanes, TDecoder>(matrix, row + first + r, column, length, scratch + r * stride);
                    }

                    weights[stream] = (byte*)(scratch + r * stride);
                    columns[stream] = x + column;
                    targets[stream] = y + first + r;
                }

                Add(Segments<TLanes, F32Decoder>(weights, columns, null, 0, length), targets, group);
            }
        }
    }

    private static void Add(Vector128<float> sums, float** targets, int count)
    {
        for (int i = 0; i < count; i++)
        {
            *targets[i] += sums[i];
        }
    }

    private static float* Scales<TDecoder>(in WeightMatrix matrix, int row, int column)
        where TDecoder : IWeightDecoder
        => TDecoder.Scaled ? matrix.Scales + (long)(row / matrix.BlockRows) * matrix.ScaleColumns + column / matrix.BlockColumns : null;

    /// <summary>The dot products of four parts of stored rows, each of one segment, and the parts of x they meet.</summary>
    /// <param name="scales">The scales of each part's blocks of <paramref name="blockColumns"/> elements, for a scaled encoding.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static Vector128<float> Segments<TLanes, TDecoder>(
        byte** weights, float** x, float** scales, int blockColumns, int length)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
    {
        int step = DotProduct.Step * TLanes.Count;
        byte* w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3];
        float* x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
        TLanes a0 = default, a1 = default, a2 = default, a3 = default;
        TLanes s0 = default, s1 = default, s2 = default, s3 = default;
        nint full = length - length % step;
        for (nint k = 0; k < full;)
        {
            nint end = full;
            if (TDecoder.Scaled)
            {
                nint block = k / blockColumns;
                end = Math.Min(full, k + blockColumns);
                s0 = Factor<TLanes>(scales[0][block]);
                s1 = Factor<TLanes>(scales[1][block]);
                s2 = Factor<TLanes>(scales[2][block]);
                s3 = Factor<TLanes>(scales[3][block]);
            }

            for (; k < end; k += step)
            {
                Prefetch(w0 + Streams * (length + k) * TDecoder.Bytes, Streams * step * TDecoder.Bytes);
                a0 = Add<TLanes, TDecoder>(w0 + k * TDecoder.Bytes, s0, x0 + k, a0);
                a1 = Add<TLanes, TDecoder>(w1 + k * TDecoder.Bytes, s1, x1 + k, a1);
                a2 = Add<TLanes, TDecoder>(w2 + k * TDecoder.Bytes, s2, x2 + k, a2);
                a3 = Add<TLanes, TDecoder>(w3 + k * TDecoder.Bytes, s3, x3 + k, a3);
            }
        }

        if (full == length)
        {
            return TLanes.Sums(a0, a1, a2, a3);
        }

        TLanes* sums = stackalloc TLanes[Streams];
        sums[0] = a0;
        sums[1] = a1;
        sums[2] = a2;
        sums[3] = a3;
        AddRest<TLanes, TDecoder>(weights, x, scales, blockColumns, (int)full, length, sums);
        return TLanes.Sums(sums[0], sums[1], sums[2], sums[3]);
    }

    /// <summary>Adds what is less than a step; apart from the loop, which then keeps its sums in registers.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    [SkipLocalsInit]
    private static void AddRest<TLanes, TDecoder>(
        byte** weights, float** x, float** scales, int blockColumns, int start, int length, TLanes* sums)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
    {
        byte* w = stackalloc byte[DotProduct.MaxStep * sizeof(float)];
        float* padded = stackalloc float[DotProduct.MaxStep];
        int step = DotProduct.Step * TLanes.Count;
        int rest = length - start;
        for (int stream = 0; stream < Streams; stream++)
        {
            PartialLanes.Pad(weights[stream] + (long)start * TDecoder.Bytes, rest * TDecoder.Bytes, w, step * TDecoder.Bytes);
            PartialLanes.Pad(x[stream] + start, rest, padded, step);
            TLanes scale = TDecoder.Scaled ? Factor<TLanes>(scales[stream][start / blockColumns]) : default;
            sums[stream] = Add<TLanes, TDecoder>(w, scale, padded, sums[stream]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Factor<TLanes>(float scale)
        where TLanes : unmanaged, ILanes<TLanes> => TLanes.Broadcast(scale * ElementBits.F8Factor);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Add<TLanes, TDecoder>(byte* weights, TLanes scale, float* x, TLanes sum)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
    {
        TDecoder.Load(weights, out TLanes a, out TLanes b, out TLanes c, out TLanes d);
        sum = TLanes.MultiplyAdd(TDecoder.Scaled ? a * scale : a, TLanes.Load(x), sum);
        sum = TLanes.MultiplyAdd(TDecoder.Scaled ? b * scale : b, TLanes.Load(x + TLanes.Count), sum);
        sum = TLanes.MultiplyAdd(TDecoder.Scaled ? c * scale : c, TLanes.Load(x + 2 * TLanes.Count), sum);
        return TLanes.MultiplyAdd(TDecoder.Scaled ? d * scale : d, TLanes.Load(x + 3 * TLanes.Count), sum);
    }

    /// <summary>
    /// Asks for as many cache lines as a step of every stream takes, between one and sixteen, a power of two: in their order, from where the
    /// next four segments begin, into the second-level cache. Of four streams that soon end no processor looks far ahead by itself.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* source, int length)
    {
        if (!Sse.IsSupported)
        {
            return;
        }

        Sse.Prefetch1(source);
        if (length > 64)
        {
            Sse.Prefetch1(source + 64);
        }

        if (length > 128)
        {
            Sse.Prefetch1(source + 128);
            Sse.Prefetch1(source + 192);
        }

        if (length > 256)
        {
            Sse.Prefetch1(source + 256);
            Sse.Prefetch1(source + 320);
            Sse.Prefetch1(source + 384);
            Sse.Prefetch1(source + 448);
        }
    }
}
