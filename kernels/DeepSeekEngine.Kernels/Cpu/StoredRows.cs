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
    private const int PrefetchDistance = 4096;

    /// <summary>Floats of scratch <see cref="MultiplyScaled{TLanes, TDecoder}"/> needs.</summary>
    public const int DecodedLength = Streams * (DotProduct.MaxSegment + 16);

    /// <summary>
    /// y[i] = (accumulate ? y[i] : 0) + W[row + i] . x, i &lt; rows, for an encoding without scales.
    /// </summary>
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
                    targets[stream] = y + first + i;
                    if (stream + 1 < used && ++s == segments)
                    {
                        s = 0;
                        i++;
                    }
                }

                Add(Segments<TLanes, TDecoder>(weights, columns, segment), targets, used);
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
                    targets[stream] = y + first + r;
                }

                Add(Segments<TLanes, TDecoder>(weights, columns, rest), targets, group);
            }
        }
    }

    /// <summary>
    /// The same for an encoding with scales: four rows are decoded, a segment of each, before they are multiplied. The tables of the
    /// decoder and the sums together are more than there are registers.
    /// </summary>
    /// <param name="scratch"><see cref="DecodedLength"/> floats.</param>
    [SkipLocalsInit]
    public static void MultiplyScaled<TLanes, TDecoder>(
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
                        MatrixRows.DecodeRow<TLanes, TDecoder>(matrix, row + first + r, column, length, scratch + r * stride, Streams);
                    }

                    weights[stream] = (byte*)(scratch + r * stride);
                    columns[stream] = x + column;
                    targets[stream] = y + first + r;
                }

                Add(Segments<TLanes, F32Decoder>(weights, columns, length), targets, group);
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

    /// <summary>The dot products of four parts of stored rows, each of one segment, and the parts of x they meet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static Vector128<float> Segments<TLanes, TDecoder>(byte** weights, float** x, int length)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
    {
        int step = DotProduct.Step * TLanes.Count;
        byte* w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3];
        float* x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
        TLanes a0 = default, a1 = default, a2 = default, a3 = default;
        nint full = length - length % step;
        for (nint k = 0; k < full; k += step)
        {
            Prefetch(w0 + Streams * k * TDecoder.Bytes + PrefetchDistance, Streams * step * TDecoder.Bytes);
            a0 = Add<TLanes, TDecoder>(w0 + k * TDecoder.Bytes, x0 + k, a0);
            a1 = Add<TLanes, TDecoder>(w1 + k * TDecoder.Bytes, x1 + k, a1);
            a2 = Add<TLanes, TDecoder>(w2 + k * TDecoder.Bytes, x2 + k, a2);
            a3 = Add<TLanes, TDecoder>(w3 + k * TDecoder.Bytes, x3 + k, a3);
        }

        if (full < length)
        {
            byte* w = stackalloc byte[DotProduct.MaxStep * sizeof(float)];
            float* padded = stackalloc float[DotProduct.MaxStep];
            for (int stream = 0; stream < Streams; stream++)
            {
                PartialLanes.Pad(
                    weights[stream] + full * TDecoder.Bytes, (length - (int)full) * TDecoder.Bytes, w, step * TDecoder.Bytes);
                PartialLanes.Pad(x[stream] + full, length - (int)full, padded, step);
                TLanes sum = Add<TLanes, TDecoder>(w, padded, stream switch { 0 => a0, 1 => a1, 2 => a2, _ => a3 });
                switch (stream)
                {
                    case 0:
                        a0 = sum;
                        break;
                    case 1:
                        a1 = sum;
                        break;
                    case 2:
                        a2 = sum;
                        break;
                    default:
                        a3 = sum;
                        break;
                }
            }
        }

        return TLanes.Sums(a0, a1, a2, a3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Add<TLanes, TDecoder>(byte* weights, float* x, TLanes sum)
        where TLanes : unmanaged, ILanes<TLanes>
        where TDecoder : IWeightDecoder
    {
        TDecoder.Load(weights, out TLanes a, out TLanes b, out TLanes c, out TLanes d);
        sum = TLanes.MultiplyAdd(a, TLanes.Load(x), sum);
        sum = TLanes.MultiplyAdd(b, TLanes.Load(x + TLanes.Count), sum);
        sum = TLanes.MultiplyAdd(c, TLanes.Load(x + 2 * TLanes.Count), sum);
        return TLanes.MultiplyAdd(d, TLanes.Load(x + 3 * TLanes.Count), sum);
    }

    /// <summary>Asks for the cache lines of a step of every stream: between one and sixteen, a power of two.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* source, int length)
    {
        if (!Sse.IsSupported)
        {
            return;
        }

        Sse.Prefetch0(source);
        if (length > 64)
        {
            Sse.Prefetch0(source + 64);
        }

        if (length > 128)
        {
            Sse.Prefetch0(source + 128);
            Sse.Prefetch0(source + 192);
        }

        if (length > 256)
        {
            Sse.Prefetch0(source + 256);
            Sse.Prefetch0(source + 320);
            Sse.Prefetch0(source + 384);
            Sse.Prefetch0(source + 448);
        }
    }
}
