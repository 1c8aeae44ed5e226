using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;
using NUnit.Framework;

namespace DeepSeekEngine.Testing.BackendSuite;

/// <content>Operations that are made of others have the bits of those, one after the other, for any tokens of a step.</content>
public abstract partial class BackendOperationTests
{
    private const int ComposedTokens = 6;

    // First token and how many, none of which changes what becomes of a token.
    private static readonly (int First, int Count)[] Parts = [(0, 6), (0, 1), (5, 1), (1, 4), (3, 2)];

    // Columns: odd, and such that rows side by side are aligned; the second matrix of another encoding, or none.
    [Test]
    public void NormLinear_is_a_norm_and_its_products(
        [ValueSource(nameof(Encodings))] string encoding, [Values(45, 136)] int columns, [Values("same", "other", "none")] string second)
    {
        Matrix w = Load(NewMatrix(Enum.Parse<WeightEncoding>(encoding), 37, columns));
        WeightEncoding other = w.Encoding == WeightEncoding.F32 ? WeightEncoding.BF16 : WeightEncoding.F32;
        Matrix? v = second == "none" ? null : Load(NewMatrix(second == "same" ? w.Encoding : other, 19, columns));
        Norm norm = NewNorm(columns);
        Activations x = columns % 4 == 0
            ? Activations.Dense(Upload(Values(ComposedTokens * columns)), columns)
            : Input(Values(ComposedTokens * columns), columns);
        AssertComposed(
            [columns, 37, 19],
            (first, count, y) => Composed.NormLinear(
                Backend, x.From(first), norm, y[0].From(first), w, y[1].From(first), v, y[2].From(first), count),
            (first, count, y) => Backend.NormLinear(
                x.From(first), norm, y[0].From(first), w, y[1].From(first), v, y[2].From(first), count));
    }

    [Test]
    public void ProjectQueries_is_a_norm_its_product_and_new_latents([ValueSource(nameof(Encodings))] string encoding)
    {
        MlaShape shape = Shape([3, 5, 6, 7, 21]);
        TestStep step = NewStep(StepTokens[..ComposedTokens]);
        DeviceArray<float> rope = Upload(Angles(shape));
        Matrix w = Load(NewMatrix(Enum.Parse<WeightEncoding>(encoding), 37, 45));
        (Norm norm, Norm latentNorm) = (NewNorm(45), NewNorm(shape.Latent));
        float[] x = Values(ComposedTokens * 45);
        Activations kv = Input(Values(ComposedTokens * shape.CacheRow), shape.CacheRow);
        LatentAppend Append(int first, Activations cache)
            => new(kv.From(first), latentNorm, rope, step.View.From(first), shape, cache);
        foreach ((int first, int count) in Parts)
        {
            Activations[] caches = [Output(step.CacheRows, shape.CacheRow), Output(step.CacheRows, shape.CacheRow)];
            Activations[] ys = [Output(ComposedTokens, 37), Output(ComposedTokens, 37)];
            Composed.ProjectQueries(
                Backend, Input(x, 45).From(first), norm, w, ys[0].From(first), Append(first, caches[0]), count);
            Backend.ProjectQueries(Input(x, 45).From(first), norm, w, ys[1].From(first), Append(first, caches[1]), count);
            Assert.That(Read(ys[1]), Is.EqualTo(Read(ys[0])), $"{count} tokens from {first}");
            Assert.That(Read(caches[1]), Is.EqualTo(Read(caches[0])), $"{count} tokens from {first}");
        }
    }

    [Test]
    public void AbsorbRotated_absorbs_rotated_queries(
        [ValueSource(nameof(MlaShapes))] int[] sizes, [ValueSource(nameof(Encodings))] string encoding)
    {
        MlaShape shape = Shape(sizes);
        TestStep step = NewStep(StepTokens[..ComposedTokens]);
        DeviceArray<float> rope = Upload(Angles(shape));
        Matrix kvB = Load(KvB(shape, encoding));
        int width = shape.Heads * shape.QueryHead;
        float[] q = Values(ComposedTokens * width);
        AssertComposed(
            [shape.Heads * shape.CacheRow],
            (first, count, y) => Composed.AbsorbRotated(
                Backend, Input(q, width).From(first), rope, step.View.From(first), kvB, shape, y[0].From(first), count),
            (first, count, y) => Backend.AbsorbRotated(
                Input(q, width).From(first), rope, step.View.From(first), kvB, shape, y[0].From(first), count));
    }

    [Test]
    public void AddNormedSwiGlu_is_a_norm_and_a_network([ValueSource(nameof(Encodings))] string encoding)
    {
        SwiGluMatrices mlp = NewSwiGlu(Enum.Parse<WeightEncoding>(encoding), 36, 23);
        Norm norm = NewNorm(36);
        AssertComposed(
            [36],
            (first, count, y) => Composed.AddNormedSwiGlu(
                Backend, y[0].From(first), norm, Output(count, 36), mlp, Output(count, 23), Output(count, 23), count),
            (first, count, y) => Backend.AddNormedSwiGlu(
                y[0].From(first), norm, Output(count, 36), mlp, Output(count, 23), Output(count, 23), count));
    }

    // Shared experts that are smaller than a routed one, and of more panels than two; and stored in another way.
    [Test]
    public void AddExperts_adds_routed_and_shared_experts(
        [ValueSource(nameof(Encodings))] string encoding, [Values(7, 45)] int sharedWidth, [Values] bool alike)
    {
        ExpertCase routed = NewExperts(encoding, 5, 36, 19);
        ExpertSet experts = new(routed.Gate, routed.Up, routed.Down);
        WeightEncoding other = routed.Gate.Encoding == WeightEncoding.F32 ? WeightEncoding.BF16 : WeightEncoding.F32;
        SwiGluMatrices shared = NewSwiGlu(alike ? routed.Gate.Encoding : other, 36, sharedWidth);
        Activations x = Input(Values(ComposedTokens * 36), 36);
        Activations weights = Input(Values(ComposedTokens * 2), 2);
        int[] ids = Choices(ComposedTokens, 2, 5);
        AssertComposed(
            [36],
            (first, count, y) => Composed.AddExperts(
                Backend, x.From(first), Upload(ids[(2 * first)..]), weights.From(first), experts, Output(2 * count, 19),
                shared, Output(count, sharedWidth), Output(count, sharedWidth), y[0].From(first), count),
            (first, count, y) => Backend.AddExperts(
                x.From(first), Upload(ids[(2 * first)..]), weights.From(first), experts, Output(2 * count, 19),
                shared, Output(count, sharedWidth), Output(count, sharedWidth), y[0].From(first), count));
    }

    /// <summary>Runs both on outputs that hold the same values before, for tokens first .. first + count, and compares bits.</summary>
    private void AssertComposed(int[] widths, Action<int, int, Activations[]> parts, Action<int, int, Activations[]> whole)
    {
        float[][] before = Array.ConvertAll(widths, width => Values(ComposedTokens * width));
        foreach ((int first, int count) in Parts)
        {
            Activations[] expected = [.. widths.Zip(before, (width, values) => Output(ComposedTokens, width, values))];
            Activations[] actual = [.. widths.Zip(before, (width, values) => Output(ComposedTokens, width, values))];
            parts(first, count, expected);
            whole(first, count, actual);
            for (int i = 0; i < widths.Length; i++)
            {
                Assert.That(Read(actual[i]), Is.EqualTo(Read(expected[i])), $"{count} tokens from {first}, output {i}");
            }
        }
    }

    private Norm NewNorm(int width) => new(Upload(Values(width)), 1e-6f);

    private SwiGluMatrices NewSwiGlu(WeightEncoding encoding, int width, int inner) => new(
        Load(NewMatrix(encoding, inner, width, 8, 16)), Load(NewMatrix(encoding, inner, width, 8, 16)),
        Load(NewMatrix(encoding, width, inner, 8, 16)));
}
