using System.Numerics;

namespace DeepSeekEngine.Runtime;

/// <summary>
/// The tokens that may still be chosen, each with its weight, ordered by descending weight, then ascending id. The order is never
/// established: every question asked of it is for a shortest prefix that is large enough, which partitioning answers in linear time.
/// </summary>
internal sealed class Candidates(int capacity)
{
    /// <summary>Below this many, sorting is faster than partitioning.</summary>
    private const int SortedLength = 32;

    /// <summary>Partitions before the rest is sorted. Halving any array takes half as many, so only a hostile order uses them up.</summary>
    private const int MaxPartitions = 64;

    private readonly ulong[] _keys = GC.AllocateUninitializedArray<ulong>(capacity);

    private int _count;

    private interface IMeasure
    {
        static abstract double Of(ReadOnlySpan<ulong> keys);
    }

    /// <summary>A token and its weight, which is not negative, as a number: in the order of tokens numbers ascend.</summary>
    public static ulong Key(float weight, int token) => ((ulong)~BitConverter.SingleToUInt32Bits(weight) << 32) | (uint)token;

    public static float Weight(ulong key) => BitConverter.UInt32BitsToSingle(~(uint)(key >> 32));

    /// <summary>The sum of all weights.</summary>
    public static double Sum(ReadOnlySpan<float> weights)
    {
        Vector<double> lower = Vector<double>.Zero;
        Vector<double> upper = Vector<double>.Zero;
        int i = 0;
        for (; i <= weights.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector.Widen(new Vector<float>(weights[i..]), out Vector<double> low, out Vector<double> high);
            lower += low;
            upper += high;
        }

        double sum = Vector.Sum(lower + upper);
        foreach (float weight in weights[i..])
        {
            sum += weight;
        }

        return sum;
    }

    /// <summary>Starts anew with the first <paramref name="count"/> tokens, or fewer, of those with a weight above the threshold.</summary>
    /// <param name="weights">[vocabulary], indexed by token.</param>
    /// <param name="threshold">At least 0.</param>
    /// <param name="count">At least 1.</param>
    public void Take(ReadOnlySpan<float> weights, float threshold, int count)
    {
        // Whenever twice the wanted number came together, half of it goes and the threshold rises, so few tokens pass it later on. One
        // that is equal to the last of those kept comes after it, as tokens are met by ascending id.
        long limit = Math.Max(2L * count, 1024);
        _count = 0;
        int i = 0;
        for (; i <= weights.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            if (Vector.GreaterThanAny(new Vector<float>(weights[i..]), new Vector<float>(threshold)))
            {
                TakeBlock(weights, i, Vector<float>.Count, ref threshold);
            }
        }

        TakeBlock(weights, i, weights.Length - i, ref threshold);
        KeepCount(count);

        void TakeBlock(ReadOnlySpan<float> weights, int start, int length, ref float threshold)
        {
            for (int token = start; token < start + length; token++)
            {
                if (weights[token] > threshold)
                {
                    _keys[_count++] = Key(weights[token], token);
                    if (_count == limit)
                    {
                        KeepCount(count);
                        threshold = Weight(_keys[_count - 1]);
                    }
                }
            }
        }
    }

    /// <summary>The sum of the candidates' weights.</summary>
    public double Mass() => ByWeight.Of(_keys.AsSpan(0, _count));

    /// <summary>Keeps the shortest prefix whose weights sum to at least this; all, if they sum to less; at least one.</summary>
    public void KeepMass(double mass) => _count = ShortestPrefix<ByWeight>(mass);

    /// <summary>Keeps those of at least this weight.</summary>
    public void KeepAtLeast(float weight)
    {
        int kept = 0;
        foreach (ulong key in _keys.AsSpan(0, _count))
        {
            if (Weight(key) >= weight)
            {
                _keys[kept++] = key;
            }
        }

        _count = kept;
    }

    /// <summary>The last token of the shortest prefix whose weights sum to at least this.</summary>
    public int TokenAt(double mass) => (int)(uint)_keys[ShortestPrefix<ByWeight>(mass) - 1];

    /// <summary>Reorders three or more distinct keys so that the first n precede all others; returns n, 0 &lt; n &lt; length.</summary>
    private static int Partition(Span<ulong> keys)
    {
        // The median of three moves to the end.
        ref ulong a = ref keys[0];
        ref ulong b = ref keys[keys.Length / 2];
        ref ulong c = ref keys[^1];
        if ((a < b) == (b < c))
        {
            (b, c) = (c, b);
        }
        else if ((b < a) == (a < c))
        {
            (a, c) = (c, a);
        }

        ulong pivot = c;
        int before = 0;
        for (int i = 0; i < keys.Length; i++)
        {
            ulong key = keys[i];
            if (key <= pivot)
            {
                keys[i] = keys[before];
                keys[before++] = key;
            }
        }

        return before;
    }

    private void KeepCount(int count) => _count = count < _count ? ShortestPrefix<ByCount>(count) : _count;

    /// <summary>
    /// The length of the shortest prefix that measures at least so much; that of all, if they measure less; at least 1. Reorders the
    /// keys so that those of the prefix stand in front and its last one at its end.
    /// </summary>
    private int ShortestPrefix<TMeasure>(double needed)
        where TMeasure : IMeasure
    {
        // The prefix ends within [start, end); what is before measures less than needed.
        int start = 0;
        int end = _count;
        double before = 0;
        for (int partitions = 0; end - start > SortedLength && partitions < MaxPartitions; partitions++)
        {
            int middle = start + Partition(_keys.AsSpan(start, end - start));
            double withUpper = before + TMeasure.Of(_keys.AsSpan(start, middle - start));
            if (withUpper >= needed)
            {
                end = middle;
            }
            else
            {
                before = withUpper;
                start = middle;
            }
        }

        _keys.AsSpan(start, end - start).Sort();
        for (int i = start; i < end - 1; i++)
        {
            before += TMeasure.Of(_keys.AsSpan(i, 1));
            if (before >= needed)
            {
                return i + 1;
            }
        }

        return end;
    }

    private readonly struct ByCount : IMeasure
    {
        public static double Of(ReadOnlySpan<ulong> keys) => keys.Length;
    }

    private readonly struct ByWeight : IMeasure
    {
        public static double Of(ReadOnlySpan<ulong> keys)
        {
            double mass = 0;
            foreach (ulong key in keys)
            {
                mass += Weight(key);
            }

            return mass;
        }
    }
}
