using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using NUnit.Framework;

namespace DeepSeekEngine.Testing.BackendSuite;

/// <summary>What every backend must do: besides matrices, attention, choosing tokens, and operations made of others.</summary>
public abstract partial class BackendOperationTests : MatrixOperationTests
{
    private const int Positions = 130;

    // Heads, nope, rope, value, latent.
    private static readonly object[] MlaShapes =
    [
        new[] { 1, 1, 2, 1, 1 },
        new[] { 3, 5, 6, 7, 21 },
        new[] { 6, 16, 8, 24, 40 },
    ];

    // More heads and wider rows than a group of a kernel takes at once, or fewer and narrower than it holds.
    private static readonly object[] LargeMlaShapes =
    [
        new[] { 21, 12, 8, 16, 20 },
        new[] { 2, 8, 4, 140, 524 },
        new[] { 1, 3, 2, 5, 2301 },
    ];

    // The last sequence is longer than a kernel's block of positions; tokens are in no particular order.
    private static readonly int[] SequenceLengths = [1, 9, 6, Positions];

    private static readonly (int Sequence, int Position)[] StepTokens =
        [(1, 7), (1, 8), (0, 0), (3, 129), (2, 5), (3, 0), (3, 63), (2, 0), (3, 64)];

    [Test]
    public void RotateQueries_turns_the_last_pairs_of_each_head([ValueSource(nameof(MlaShapes))] int[] sizes)
    {
        MlaShape shape = Shape(sizes);
        TestStep step = NewStep();
        float[] rope = Angles(shape);
        float[] q = Values(step.Tokens.Length * shape.Heads * shape.QueryHead);
        Activations y = Output(step.Tokens.Length, shape.Heads * shape.QueryHead, q);
        Backend.RotateQueries(y, Upload(rope), step.View, shape, step.Tokens.Length);
        AssertClose(Read(y), ScalarAttention.RotateQueries(Wide(q), rope, step.Positions, shape), Tolerance);
    }

    [Test]
    public void AppendLatents_writes_each_tokens_row_and_no_other([ValueSource(nameof(MlaShapes))] int[] sizes)
    {
        MlaShape shape = Shape(sizes);
        TestStep step = NewStep();
        float[] rope = Angles(shape);
        float[] norm = Values(shape.Latent);
        float[] kv = Values(step.Tokens.Length * shape.CacheRow);
        Activations cache = Output(step.CacheRows, shape.CacheRow);
        Backend.AppendLatents(
            Input(kv, shape.CacheRow), Upload(norm), 1e-6f, Upload(rope), step.View, shape, cache, step.Tokens.Length);
        float[] result = Read(cache);
        HashSet<int> written = [];
        for (int t = 0; t < step.Tokens.Length; t++)
        {
            int row = step.Row(step.Tokens[t].Sequence, step.Tokens[t].Position);
            written.Add(row);
            AssertClose(
                result[(row * shape.CacheRow)..((row + 1) * shape.CacheRow)],
                ScalarAttention.Latent(
                    Wide(kv).AsSpan(t * shape.CacheRow, shape.CacheRow), norm, 1e-6, rope, step.Tokens[t].Position, shape),
                Tolerance);
        }

        for (int row = 0; row < step.CacheRows; row++)
        {
            if (!written.Contains(row))
            {
                Assert.That(result[(row * shape.CacheRow)..((row + 1) * shape.CacheRow)], Is.All.EqualTo(Mark));
            }
        }
    }

    [Test]
    public void AbsorbQueries_multiplies_queries_into_the_keys_of_kv_b(
        [ValueSource(nameof(MlaShapes))] int[] sizes, [ValueSource(nameof(Encodings))] string encoding, [Values(1, 7)] int count)
    {
        MlaShape shape = Shape(sizes);
        TestMatrix kvB = KvB(shape, encoding);
        float[] q = Values(count * shape.Heads * shape.QueryHead);
        Activations absorbed = Output(count, shape.Heads * shape.CacheRow);
        Backend.AbsorbQueries(Input(q, shape.Heads * shape.QueryHead), Load(kvB), shape, absorbed, count);
        AssertClose(Read(absorbed), ScalarAttention.AbsorbQueries(Wide(q), kvB.View, shape), Tolerance);
    }

    [Test]
    public void AbsorbQueries_is_the_same_in_any_batch([ValueSource(nameof(Encodings))] string encoding)
    {
        MlaShape shape = Shape([3, 5, 6, 7, 21]);
        Matrix kvB = Load(KvB(shape, encoding));
        int width = shape.Heads * shape.CacheRow;
        Activations q = Input(Values(9 * shape.Heads * shape.QueryHead), shape.Heads * shape.QueryHead);
        AssertSameBitsInAnyBatch(9, width, (first, count) =>
        {
            Activations absorbed = Output(9, width);
            Backend.AbsorbQueries(q.From(first), kvB, shape, absorbed.From(first), count);
            return Read(absorbed);
        });
    }

    [Test]
    public void LatentAttention_attends_to_the_tokens_own_sequence_up_to_its_position([ValueSource(nameof(MlaShapes))] int[] sizes)
    {
        MlaShape shape = Shape(sizes);
        TestStep step = NewStep();
        int count = step.Tokens.Length;
        float[] latents = FilledCache(step, shape);
        float[] absorbed = Values(count * shape.Heads * shape.CacheRow);
        Activations context = Output(count, shape.Heads * shape.Latent);
        Backend.LatentAttention(
            Input(absorbed, shape.Heads * shape.CacheRow), Input(latents, shape.CacheRow), step.View, shape, context, count);
        List<double> expected = [];
        for (int t = 0; t < count; t++)
        {
            double[] seen = Seen(step, t, latents, shape.CacheRow);
            for (int h = 0; h < shape.Heads; h++)
            {
                expected.AddRange(ScalarAttention.Context(
                    Wide(absorbed).AsSpan((t * shape.Heads + h) * shape.CacheRow, shape.CacheRow), seen, shape));
            }
        }

        AssertClose(Read(context), [.. expected], ExponentialTolerance);
    }

    [Test]
    public void LatentAttention_of_neighbouring_rows_is_that_of_rows_apart([ValueSource(nameof(LargeMlaShapes))] int[] sizes)
    {
        MlaShape shape = Shape(sizes);
        (int Sequence, int Position)[] tokens = IsSlow ? [(3, 66), (1, 2)] : [(3, Positions - 1), (1, 2), (3, 63), (3, 64)];
        TestStep step = NewStep(tokens);
        float[] latents = FilledCache(step, shape);
        float[] absorbed = Values(tokens.Length * shape.Heads * shape.CacheRow);
        Activations context = Activations.Dense(Upload(new float[tokens.Length * shape.Heads * shape.Latent]), shape.Heads * shape.Latent);
        Backend.LatentAttention(
            Activations.Dense(Upload(absorbed), shape.Heads * shape.CacheRow), Activations.Dense(Upload(latents), shape.CacheRow),
            step.View, shape, context, tokens.Length);
        List<double> expected = [];
        for (int t = 0; t < tokens.Length; t++)
        {
            double[] seen = Seen(step, t, latents, shape.CacheRow);
            for (int h = 0; h < shape.Heads; h++)
            {
                expected.AddRange(ScalarAttention.Context(
                    Wide(absorbed).AsSpan((t * shape.Heads + h) * shape.CacheRow, shape.CacheRow), seen, shape));
            }
        }

        AssertClose(Download(context.Array), [.. expected], ExponentialTolerance);
    }

    [Test]
    public void LatentAttention_is_the_same_in_any_batch()
    {
        MlaShape shape = Shape([6, 16, 8, 24, 40]);
        TestStep step = NewStep();
        Activations cache = Input(FilledCache(step, shape), shape.CacheRow);
        Activations absorbed = Input(Values(step.Tokens.Length * shape.Heads * shape.CacheRow), shape.Heads * shape.CacheRow);
        int width = shape.Heads * shape.Latent;
        AssertSameBitsInAnyBatch(step.Tokens.Length, width, (first, count) =>
        {
            Activations context = Output(step.Tokens.Length, width);
            Backend.LatentAttention(absorbed.From(first), cache, step.View.From(first), shape, context.From(first), count);
            return Read(context);
        });
    }

    [Test]
    public void ProjectLatents_multiplies_context_into_the_values_of_kv_b(
        [ValueSource(nameof(MlaShapes))] int[] sizes, [ValueSource(nameof(Encodings))] string encoding, [Values(1, 7)] int count)
    {
        MlaShape shape = Shape(sizes);
        TestMatrix kvB = KvB(shape, encoding);
        float[] context = Values(count * shape.Heads * shape.Latent);
        Activations heads = Output(count, shape.Heads * shape.Value);
        Backend.ProjectLatents(Input(context, shape.Heads * shape.Latent), Load(kvB), shape, heads, count);
        AssertClose(Read(heads), ScalarAttention.ProjectLatents(Wide(context), kvB.View, shape), Tolerance);
    }

    [Test]
    public void ProjectLatents_is_the_same_in_any_batch([ValueSource(nameof(Encodings))] string encoding)
    {
        MlaShape shape = Shape([3, 5, 6, 7, 21]);
        Matrix kvB = Load(KvB(shape, encoding));
        int width = shape.Heads * shape.Value;
        Activations context = Input(Values(9 * shape.Heads * shape.Latent), shape.Heads * shape.Latent);
        AssertSameBitsInAnyBatch(9, width, (first, count) =>
        {
            Activations heads = Output(9, width);
            Backend.ProjectLatents(context.From(first), kvB, shape, heads.From(first), count);
            return Read(heads);
        });
    }

    [Test]
    public void GatherLatents_copies_a_run_of_positions_out_of_the_blocks()
    {
        MlaShape shape = Shape([3, 5, 6, 7, 21]);
        TestStep step = NewStep();
        float[] latents = FilledCache(step, shape);
        Activations y = Output(17, shape.CacheRow);
        Backend.GatherLatents(Input(latents, shape.CacheRow), step.View.From(3), 6, y, 17);
        Assert.That(
            Read(y),
            Is.EqualTo(Enumerable.Range(6, 17).SelectMany(p =>
                latents.Skip(step.Row(sequence: 3, p) * shape.CacheRow).Take(shape.CacheRow))));
    }

    [Test]
    public void ExpandedAttention_over_tiles_is_attention_over_all_positions([ValueSource(nameof(MlaShapes))] int[] sizes)
    {
        MlaShape shape = Shape(sizes);
        int[] tokenPositions = [60, 61, 3, 129, 0];
        TestStep step = NewStep(Array.ConvertAll(tokenPositions, p => (3, p)));
        int count = tokenPositions.Length;
        int keyValueWidth = shape.Heads * shape.KeyValueHead;
        float[] keyValues = Values(Positions * keyValueWidth);
        float[] latents = Values(Positions * shape.CacheRow);
        float[] q = Values(count * shape.Heads * shape.QueryHead);
        Activations state = Output(count, shape.Heads * 2);
        Activations heads = Output(count, shape.Heads * shape.Value);
        (int Start, int Count)[] tiles = [(0, 61), (61, 5), (66, 64)];
        foreach ((int start, int length) in tiles)
        {
            Backend.ExpandedAttention(
                Input(q, shape.Heads * shape.QueryHead), Input(keyValues, keyValueWidth).From(start),
                Input(latents, shape.CacheRow).From(start), step.View, shape, start, length, start == 0, start == 66, state, heads, count);
            if (start == 61)
            {
                AssertTile(end: 66, divided: false);
            }
        }

        AssertTile(end: Positions, divided: true);

        void AssertTile(int end, bool divided)
        {
            List<double> expectedState = [];
            List<double> expectedHeads = [];
            for (int t = 0; t < count; t++)
            {
                int seen = Math.Min(end, tokenPositions[t] + 1);
                for (int h = 0; h < shape.Heads; h++)
                {
                    (double maximum, double sum, double[] values) = ScalarAttention.Expanded(
                        Wide(q).AsSpan((t * shape.Heads + h) * shape.QueryHead, shape.QueryHead),
                        Wide(keyValues).AsSpan(0, seen * keyValueWidth), Wide(latents).AsSpan(0, seen * shape.CacheRow), h, shape);
                    expectedState.AddRange([maximum, sum]);
                    expectedHeads.AddRange(values.Select(v => divided ? v / sum : v));
                }
            }

            AssertClose(Read(state), [.. expectedState], ExponentialTolerance);
            AssertClose(Read(heads), [.. expectedHeads], ExponentialTolerance);
        }
    }

    [Test]
    public void ExpandedAttention_of_neighbouring_rows_is_that_of_rows_apart([ValueSource(nameof(LargeMlaShapes))] int[] sizes)
    {
        MlaShape shape = Shape(sizes);
        int count = IsSlow ? 5 : 70;
        TestStep step = NewStep([.. Enumerable.Range(Positions - count, count).Select(p => (3, p))]);
        int keyValueWidth = shape.Heads * shape.KeyValueHead;
        float[] keyValues = Values(Positions * keyValueWidth);
        float[] latents = Values(Positions * shape.CacheRow);
        float[] q = Values(count * shape.Heads * shape.QueryHead);
        Activations state = Activations.Dense(Upload(new float[count * shape.Heads * 2]), shape.Heads * 2);
        Activations heads = Activations.Dense(Upload(new float[count * shape.Heads * shape.Value]), shape.Heads * shape.Value);
        foreach ((int start, int length) in (ReadOnlySpan<(int, int)>)[(0, 67), (67, Positions - 67)])
        {
            Backend.ExpandedAttention(
                Activations.Dense(Upload(q), shape.Heads * shape.QueryHead),
                Activations.Dense(Upload(keyValues), keyValueWidth).From(start),
                Activations.Dense(Upload(latents), shape.CacheRow).From(start),
                step.View, shape, start, length, start == 0, start == 67, state, heads, count);
        }

        List<double> expected = [];
        for (int t = 0; t < count; t++)
        {
            int seen = step.Tokens[t].Position + 1;
            for (int h = 0; h < shape.Heads; h++)
            {
                (_, double sum, double[] values) = ScalarAttention.Expanded(
                    Wide(q).AsSpan((t * shape.Heads + h) * shape.QueryHead, shape.QueryHead),
                    Wide(keyValues).AsSpan(0, seen * keyValueWidth), Wide(latents).AsSpan(0, seen * shape.CacheRow), h, shape);
                expected.AddRange(values.Select(v => v / sum));
            }
        }

        AssertClose(Download(heads.Array), [.. expected], ExponentialTolerance);
    }

    [Test]
    public void ExpandedAttention_is_the_same_in_any_batch()
    {
        MlaShape shape = Shape([6, 16, 8, 24, 40]);
        (int Sequence, int Position)[] tokens = [.. Enumerable.Range(55, 20).Select(p => (3, p)), (3, 2), (3, 129)];
        TestStep step = NewStep(tokens);
        Activations keyValues = Input(Values(Positions * shape.Heads * shape.KeyValueHead), shape.Heads * shape.KeyValueHead);
        Activations latents = Input(Values(Positions * shape.CacheRow), shape.CacheRow);
        Activations q = Input(Values(tokens.Length * shape.Heads * shape.QueryHead), shape.Heads * shape.QueryHead);
        int width = shape.Heads * shape.Value;
        AssertSameBitsInAnyBatch(tokens.Length, width, (first, count) =>
        {
            Activations state = Output(tokens.Length, shape.Heads * 2);
            Activations heads = Output(tokens.Length, width);
            foreach ((int start, int length) in (ReadOnlySpan<(int, int)>)[(0, 70), (70, 60)])
            {
                Backend.ExpandedAttention(
                    q.From(first), keyValues.From(start), latents.From(start), step.View.From(first), shape, start, length,
                    start == 0, start == 70, state.From(first), heads.From(first), count);
            }

            return Read(heads);
        });
    }

    internal static MlaShape Shape(int[] sizes) => new()
    {
        Heads = sizes[0],
        Nope = sizes[1],
        Rope = sizes[2],
        Value = sizes[3],
        Latent = sizes[4],
        Scale = 0.37f,
    };

    internal TestStep NewStep((int Sequence, int Position)[]? tokens = null)
        => Own(new TestStep(Backend, Random, SequenceLengths, tokens ?? StepTokens));

    /// <summary>[positions, r] cos and sin of random angles.</summary>
    internal float[] Angles(MlaShape shape)
    {
        float[] table = Values(Positions * shape.Rope);
        for (int i = 0; i < table.Length; i += 2)
        {
            (table[i + 1], table[i]) = MathF.SinCos(table[i] * 10);
        }

        return table;
    }

    /// <summary>Dense cache rows: random where a sequence has a position, NaN elsewhere.</summary>
    internal float[] FilledCache(TestStep step, MlaShape shape)
    {
        var cache = new float[step.CacheRows * shape.CacheRow];
        Array.Fill(cache, float.NaN);
        for (int s = 0; s < SequenceLengths.Length; s++)
        {
            for (int p = 0; p < SequenceLengths[s]; p++)
            {
                Values(shape.CacheRow).CopyTo(cache, step.Row(s, p) * shape.CacheRow);
            }
        }

        return cache;
    }

    internal TestMatrix KvB(MlaShape shape, string encoding)
        => NewMatrix(Enum.Parse<WeightEncoding>(encoding), shape.Heads * shape.KeyValueHead, shape.Latent, 8, 16);

    private static double[] Seen(TestStep step, int token, float[] cache, int width)
    {
        (int sequence, int position) = step.Tokens[token];
        return [.. Enumerable.Range(0, position + 1)
            .SelectMany(p => cache.Skip(step.Row(sequence, p) * width).Take(width))
            .Select(v => (double)v)];
    }
}
