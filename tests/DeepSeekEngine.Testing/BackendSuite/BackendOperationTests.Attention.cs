using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using NUnit.Framework;

namespace DeepSeekEngine.Testing.BackendSuite;

/// <summary>What every backend must do: besides matrices, attention, choosing tokens, and operations made of others.</summary>
public abstract partial class BackendOperationTests : MatrixOperationTests
{
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
    public void CachedAttention_attends_to_the_tokens_own_sequence_up_to_its_position([ValueSource(nameof(AttentionShapes))] int[] sizes)
    {
        AttentionShape shape = Cached(sizes);
        TestStep step = NewStep();
        int count = step.Tokens.Length;
        float[] cache = FilledCache(step, shape.Row);
        float[] queries = Values(count * shape.Heads * shape.Key);
        Activations context = Output(count, shape.Heads * shape.Value);
        Backend.CachedAttention(Input(queries, shape.Heads * shape.Key), Input(cache, shape.Row), step.View, shape, context, count);
        AssertClose(Read(context), Contexts(step, queries, cache, shape), ExponentialTolerance);
    }

    [Test]
    public void CachedAttention_of_neighbouring_rows_is_that_of_rows_apart([ValueSource(nameof(LargeAttentionShapes))] int[] sizes)
    {
        AttentionShape shape = Cached(sizes);
        (int Sequence, int Position)[] tokens = IsSlow ? [(3, 66), (1, 2)] : [(3, Positions - 1), (1, 2), (3, 63), (3, 64)];
        TestStep step = NewStep(tokens);
        float[] cache = FilledCache(step, shape.Row);
        float[] queries = Values(tokens.Length * shape.Heads * shape.Key);
        Activations context = Activations.Dense(Upload(new float[tokens.Length * shape.Heads * shape.Value]), shape.Heads * shape.Value);
        Backend.CachedAttention(
            Activations.Dense(Upload(queries), shape.Heads * shape.Key), Activations.Dense(Upload(cache), shape.Row), step.View, shape,
            context, tokens.Length);
        AssertClose(Download(context.Array), Contexts(step, queries, cache, shape), ExponentialTolerance);
    }

    [Test]
    public void CachedAttention_is_the_same_in_any_batch([ValueSource(nameof(AttentionShapes))] int[] sizes)
    {
        AttentionShape shape = Cached(sizes);
        TestStep step = NewStep();
        Activations cache = Input(FilledCache(step, shape.Row), shape.Row);
        Activations queries = Input(Values(step.Tokens.Length * shape.Heads * shape.Key), shape.Heads * shape.Key);
        int width = shape.Heads * shape.Value;
        AssertSameBitsInAnyBatch(step.Tokens.Length, width, (first, count) =>
        {
            Activations context = Output(step.Tokens.Length, width);
            Backend.CachedAttention(queries.From(first), cache, step.View.From(first), shape, context.From(first), count);
            return Read(context);
        });
    }

    [Test]
    public void AppendKeyValues_completes_heads_and_writes_each_tokens_row_and_no_other(
        [Values(2, 10, 32)] int width, [Values] bool biased, [Values] bool normed)
    {
        AttentionShape shape = Grouped(6, 2, width);
        TestStep step = NewStep();
        int count = step.Tokens.Length, queryWidth = shape.Heads * width, keyWidth = shape.KeyValueHeads * width;
        float[] rope = HalfAngles(width);
        float[] q = Values(count * queryWidth), k = Values(count * keyWidth), v = Values(count * keyWidth);
        float[] queryBias = biased ? Values(queryWidth) : [], keyBias = biased ? Values(keyWidth) : [], valueBias = biased ? Values(keyWidth) : [];
        float[] queryNorm = normed ? Values(width) : [], keyNorm = normed ? Values(width) : [];
        Activations queries = Output(count, queryWidth, q);
        Activations cache = Output(step.CacheRows, shape.Row);
        Backend.AppendKeyValues(
            queries, Input(k, keyWidth), Input(v, keyWidth),
            new(Optional(queryBias), Optional(keyBias), Optional(valueBias), Optional(queryNorm), Optional(keyNorm), 1e-5f),
            Upload(rope), step.View, shape, cache, count);

        List<double> expected = [];
        float[] stored = Read(cache);
        var rows = new double[stored.Length];
        Array.Fill(rows, Mark);
        for (int t = 0; t < count; t++)
        {
            (int sequence, int position) = step.Tokens[t];
            ReadOnlySpan<float> angles = rope.AsSpan(position * width, width);
            for (int h = 0; h < shape.Heads; h++)
            {
                expected.AddRange(Head(q, t * shape.Heads + h, queryBias, h, queryNorm, angles));
            }

            for (int h = 0; h < shape.KeyValueHeads; h++)
            {
                int row = step.Row(sequence, position) * shape.Row + h * shape.RowHead;
                Head(k, t * shape.KeyValueHeads + h, keyBias, h, keyNorm, angles).CopyTo(rows, row);
                Head(v, t * shape.KeyValueHeads + h, valueBias, h, [], []).CopyTo(rows, row + width);
            }
        }

        AssertClose(Read(queries), [.. expected], Tolerance);
        AssertClose([.. stored.Where(value => value != Mark)], [.. rows.Where(value => value != Mark)], Tolerance);
        Assert.That(stored.Select(value => value == Mark), Is.EqualTo(rows.Select(value => value == Mark)));

        double[] Head(float[] x, int number, float[] bias, int head, float[] norm, ReadOnlySpan<float> angles) => ScalarAttention.Head(
            Wide(x).AsSpan(number * width, width), bias.Length > 0 ? bias.AsSpan(head * width, width) : [], norm, 1e-5f, angles);
    }

    [Test]
    public void AppendKeyValues_is_the_same_in_any_batch()
    {
        AttentionShape shape = Grouped(3, 1, 24);
        TestStep step = NewStep();
        int count = step.Tokens.Length, queryWidth = 3 * 24;
        float[] q = Values(count * queryWidth), k = Values(count * 24), v = Values(count * 24);
        HeadTransforms transforms = new(
            Upload(Values(queryWidth)), Upload(Values(24)), Upload(Values(24)), Upload(Values(24)), Upload(Values(24)), 1e-6f);
        DeviceArray<float> rope = Upload(HalfAngles(24));
        AssertSameBitsInAnyBatch(count, queryWidth + shape.Row, (first, some) =>
        {
            Activations queries = Output(count, queryWidth, q), cache = Output(step.CacheRows, shape.Row);
            Backend.AppendKeyValues(
                queries.From(first), Input(k, 24).From(first), Input(v, 24).From(first), transforms, rope, step.View.From(first), shape,
                cache, some);
            float[] turned = Read(queries), stored = Read(cache);
            return [.. Enumerable.Range(0, count).SelectMany(t => turned.Skip(t * queryWidth).Take(queryWidth).Concat(
                stored.Skip(step.Row(step.Tokens[t].Sequence, step.Tokens[t].Position) * shape.Row).Take(shape.Row)))];
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
    public void GatherCache_copies_a_run_of_positions_out_of_the_blocks()
    {
        MlaShape shape = Shape([3, 5, 6, 7, 21]);
        TestStep step = NewStep();
        float[] latents = FilledCache(step, shape.CacheRow);
        Activations y = Output(17, shape.CacheRow);
        Backend.GatherCache(Input(latents, shape.CacheRow), step.View.From(3), shape.Absorbed, 6, y, 17);
        Assert.That(
            Read(y),
            Is.EqualTo(Enumerable.Range(6, 17).SelectMany(p =>
                latents.Skip(step.Row(sequence: 3, p) * shape.CacheRow).Take(shape.CacheRow))));
    }

    [Test]
    public void ExpandedAttention_over_tiles_is_attention_over_all_positions([ValueSource(nameof(AttentionShapes))] int[] sizes)
    {
        AttentionShape shape = Expanded(sizes);
        int[] tokenPositions = [60, 61, 3, 129, 0];
        TestStep step = NewStep(Array.ConvertAll(tokenPositions, p => (3, p)));
        int count = tokenPositions.Length;
        float[] keyValues = Values(Positions * shape.Row);
        float[] sharedKeys = Values(Positions * shape.SharedKey);
        float[] q = Values(count * shape.Heads * shape.QueryHead);
        Activations state = Output(count, shape.Heads * 2);
        Activations heads = Output(count, shape.Heads * shape.Value);
        (int Start, int Count)[] tiles = [(0, 61), (61, 5), (66, 64)];
        foreach ((int start, int length) in tiles)
        {
            Backend.ExpandedAttention(
                Input(q, shape.Heads * shape.QueryHead), Input(keyValues, shape.Row).From(start),
                shape.SharedKey > 0 ? Input(sharedKeys, shape.SharedKey).From(start) : default, step.View, shape, start, length,
                start == 0, start == 66, state, heads, count);
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
                        Wide(keyValues).AsSpan(0, seen * shape.Row), Wide(sharedKeys).AsSpan(0, seen * shape.SharedKey), h, shape);
                    expectedState.AddRange([maximum, sum]);
                    expectedHeads.AddRange(values.Select(v => divided ? v / sum : v));
                }
            }

            AssertClose(Read(state), [.. expectedState], ExponentialTolerance);
            AssertClose(Read(heads), [.. expectedHeads], ExponentialTolerance);
        }
    }

    [Test]
    public void ExpandedAttention_of_neighbouring_rows_is_that_of_rows_apart([ValueSource(nameof(LargeAttentionShapes))] int[] sizes)
    {
        AttentionShape shape = Expanded(sizes);
        int count = IsSlow ? 5 : 70;
        TestStep step = NewStep([.. Enumerable.Range(Positions - count, count).Select(p => (3, p))]);
        float[] keyValues = Values(Positions * shape.Row);
        float[] sharedKeys = Values(Positions * shape.SharedKey);
        float[] q = Values(count * shape.Heads * shape.QueryHead);
        Activations state = Activations.Dense(Upload(new float[count * shape.Heads * 2]), shape.Heads * 2);
        Activations heads = Activations.Dense(Upload(new float[count * shape.Heads * shape.Value]), shape.Heads * shape.Value);
        foreach ((int start, int length) in (ReadOnlySpan<(int, int)>)[(0, 67), (67, Positions - 67)])
        {
            Backend.ExpandedAttention(
                Activations.Dense(Upload(q), shape.Heads * shape.QueryHead),
                Activations.Dense(Upload(keyValues), shape.Row).From(start),
                shape.SharedKey > 0 ? Activations.Dense(Upload(sharedKeys), shape.SharedKey).From(start) : default,
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
                    Wide(keyValues).AsSpan(0, seen * shape.Row), Wide(sharedKeys).AsSpan(0, seen * shape.SharedKey), h, shape);
                expected.AddRange(values.Select(v => v / sum));
            }
        }

        AssertClose(Download(heads.Array), [.. expected], ExponentialTolerance);
    }

    [Test]
    public void ExpandedAttention_is_the_same_in_any_batch([ValueSource(nameof(AttentionShapes))] int[] sizes)
    {
        AttentionShape shape = Expanded(sizes);
        (int Sequence, int Position)[] tokens = [.. Enumerable.Range(55, 20).Select(p => (3, p)), (3, 2), (3, 129)];
        TestStep step = NewStep(tokens);
        Activations keyValues = Input(Values(Positions * shape.Row), shape.Row);
        Activations sharedKeys = shape.SharedKey > 0 ? Input(Values(Positions * shape.SharedKey), shape.SharedKey) : default;
        Activations q = Input(Values(tokens.Length * shape.Heads * shape.QueryHead), shape.Heads * shape.QueryHead);
        int width = shape.Heads * shape.Value;
        AssertSameBitsInAnyBatch(tokens.Length, width, (first, count) =>
        {
            Activations state = Output(tokens.Length, shape.Heads * 2);
            Activations heads = Output(tokens.Length, width);
            foreach ((int start, int length) in (ReadOnlySpan<(int, int)>)[(0, 70), (70, 60)])
            {
                Backend.ExpandedAttention(
                    q.From(first), keyValues.From(start), sharedKeys.From(start), step.View.From(first), shape, start, length,
                    start == 0, start == 70, state.From(first), heads.From(first), count);
            }

            return Read(heads);
        });
    }

    [Test]
    public void Attention_of_sizes_that_do_not_fit_each_other_is_refused()
    {
        TestStep step = NewStep();
        AttentionShape possible = Grouped(4, 2, 4);
        Assert.That(() => Attend(possible), Throws.Nothing);
        Assert.That(() => Complete(possible), Throws.Nothing);
        foreach (AttentionShape wrong in (AttentionShape[])
        [
            possible with { Heads = 5 }, possible with { KeyValueHeads = 0 }, possible with { Key = 0 }, possible with { Value = -1 },
            possible with { ValueOffset = 2 }, possible with { SharedKey = 2 }, possible with { Value = 5, ValueOffset = 0 },
        ])
        {
            Assert.That(() => Attend(wrong), Throws.ArgumentException, $"{wrong}");
            Assert.That(() => Complete(wrong), Throws.ArgumentException, $"{wrong}");
        }

        Assert.That(() => Complete(Grouped(4, 2, 3)), Throws.ArgumentException, "an odd width");

        void Attend(AttentionShape shape) => Backend.CachedAttention(
            Output(1, shape.Heads * Math.Max(1, shape.Key)), Output(step.CacheRows, Math.Max(1, shape.Row)), step.View, shape,
            Output(1, shape.Heads * Math.Max(1, shape.Value)), 1);

        void Complete(AttentionShape shape)
        {
            int keys = Math.Max(1, shape.KeyValueHeads * shape.Key), values = Math.Max(1, shape.KeyValueHeads * shape.Value);
            Backend.AppendKeyValues(
                Output(1, shape.Heads * Math.Max(1, shape.Key)), Output(1, keys), Output(1, values), default,
                Upload(new float[Positions * Math.Max(1, shape.Key)]), step.View, shape, Output(step.CacheRows, Math.Max(1, shape.Row)), 1);
        }
    }

    internal TestMatrix KvB(MlaShape shape, string encoding)
        => NewMatrix(Enum.Parse<WeightEncoding>(encoding), shape.Heads * shape.KeyValueHead, shape.Latent, 8, 16);

    private DeviceArray<float>? Optional(float[] values) => values.Length > 0 ? Upload(values) : null;
}
