using System.Text.Json;
using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using NUnit.Framework;

namespace DeepSeekEngine.Testing.BackendSuite;

public abstract partial class MatrixOperationTests
{
    private static IEnumerable<string> RouterCases
        => TestPaths.Fixtures.Select(root => Path.Combine(root, "router_cases.json")).Where(File.Exists);

    [TestCaseSource(nameof(RouterCases))]
    public void SelectExperts_solves_every_routing_problem_of_the_oracle(string path)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(path));
        Assert.That(json.RootElement.GetArrayLength(), Is.Positive);
        foreach (JsonElement problem in json.RootElement.EnumerateArray())
        {
            float[] logits = Floats(problem, "logits");
            RouterShape shape = ReadShape(problem.GetProperty("config"), logits.Length);
            (int[] ids, float[] weights) = Select(
                logits, shape.BiasCorrected ? Floats(problem, "e_score_correction_bias") : null, shape, 1);
            string name = problem.GetProperty("name").GetString() ?? "";
            Assert.That(ids, Is.EqualTo(problem.GetProperty("ids").EnumerateArray().Select(e => e.GetInt32())), name);
            Assert.That(weights, Is.EqualTo(Floats(problem, "weights")).Within(1e-6), name);
        }
    }

    [TestCase(10, 3, 1, 1, true, false)]
    [TestCase(10, 3, 1, 1, false, true)]
    [TestCase(64, 6, 8, 3, false, false)]
    [TestCase(64, 6, 8, 3, true, true)]
    [TestCase(8, 2, 8, 5, true, true)]
    [TestCase(5, 5, 1, 1, true, false)]
    [TestCase(1, 1, 1, 1, false, true)]
    public void SelectExperts_agrees_with_its_scalar_twin(int experts, int chosen, int groups, int kept, bool sigmoid, bool normalize)
    {
        RouterShape shape = new()
        {
            Experts = experts, ExpertsPerToken = chosen, Groups = groups, GroupsKept = kept, Sigmoid = sigmoid, BiasCorrected = sigmoid,
            Normalize = normalize, Scale = 2.5f,
        };
        float[] logits = [.. Values(9 * experts).Select(v => v * 4)];
        float[]? bias = sigmoid ? Values(experts) : null;
        (int[] ids, float[] weights) = Select(logits, bias, shape, 9);
        for (int t = 0; t < 9; t++)
        {
            (int[] expectedIds, double[] expectedWeights) = ScalarExperts.Select(logits.AsSpan(t * experts, experts), bias, shape);
            Assert.That(ids[(t * chosen)..((t + 1) * chosen)], Is.EqualTo(expectedIds));
            AssertClose(weights[(t * chosen)..((t + 1) * chosen)], expectedWeights, ExponentialTolerance);
        }
    }

    [Test]
    public void Of_equal_scores_the_lower_group_and_the_lower_expert_are_chosen()
    {
        RouterShape shape = new()
        {
            Experts = 12, ExpertsPerToken = 4, Groups = 4, GroupsKept = 2, Sigmoid = true, BiasCorrected = true,
            Normalize = true, Scale = 1,
        };
        float[] logits = new float[12];
        logits[7] = 1;
        (int[] ids, float[] weights) = Select(logits, new float[12], shape, 1);

        // Group 2 has the largest pair, group 0 is the first of the others, which are all equal.
        Assert.That(ids, Is.EqualTo(new[] { 7, 0, 1, 2 }));
        double p = 1 / (1 + Math.Exp(-1));
        AssertClose(weights, [p / (p + 1.5), 0.5 / (p + 1.5), 0.5 / (p + 1.5), 0.5 / (p + 1.5)], ExponentialTolerance);
    }

    [Test]
    public void Logits_that_are_not_numbers_still_choose_distinct_experts([Values] bool sigmoid)
    {
        RouterShape shape = new()
        {
            Experts = 8, ExpertsPerToken = 3, Groups = 4, GroupsKept = 2, Sigmoid = sigmoid, BiasCorrected = sigmoid,
            Normalize = false, Scale = 1,
        };
        float[] logits = new float[8];
        Array.Fill(logits, float.NaN);
        (int[] ids, _) = Select(logits, sigmoid ? new float[8] : null, shape, 1);
        Assert.That(ids, Is.All.InRange(0, 7));
        Assert.That(ids, Is.Unique);
    }

    [Test]
    public void RoutedExperts_adds_the_weighted_outputs_of_the_chosen(
        [ValueSource(nameof(Encodings))] string encoding, [Values(1, 2, 10)] int count, [Values(1, 3)] int chosen)
    {
        ExpertCase experts = NewExperts(encoding, 5, 36, 19);
        float[] x = Values(count * 36);
        float[] before = Values(count * 36);
        float[] weights = Values(count * chosen);
        int[] ids = Choices(count, chosen, 5);
        Activations y = Output(count, 36, before);
        Backend.RoutedExperts(
            Input(x, 36), Upload(ids), Input(weights, chosen), experts.Gate, experts.Up, experts.Down,
            Output(count * chosen, 19), y, count);
        List<double> expected = [];
        for (int t = 0; t < count; t++)
        {
            double[] mixed = ScalarExperts.Mix(
                Wide(x).AsSpan(t * 36, 36), ids.AsSpan(t * chosen, chosen), Wide(weights).AsSpan(t * chosen, chosen),
                Views(experts.GateViews), Views(experts.UpViews), Views(experts.DownViews));
            expected.AddRange(mixed.Select((v, k) => v + before[t * 36 + k]));
        }

        AssertClose(Read(y), [.. expected], ExponentialTolerance);
    }

    [Test]
    public void RoutedExperts_is_the_same_in_any_batch([ValueSource(nameof(Encodings))] string encoding)
    {
        ExpertCase experts = NewExperts(encoding, 5, 36, 19);
        Activations x = Input(Values(10 * 36), 36);
        Activations weights = Input(Values(10 * 2), 2);
        int[] ids = Choices(10, 2, 5);
        float[] before = Values(10 * 36);
        AssertSameBitsInAnyBatch(10, 36, (first, count) =>
        {
            Activations y = Output(10, 36, before);
            Backend.RoutedExperts(
                x.From(first), Upload(ids[(2 * first)..]), weights.From(first), experts.Gate, experts.Up, experts.Down,
                Output(count * 2, 19), y.From(first), count);
            return Read(y);
        });
    }

    internal ExpertCase NewExperts(string encoding, int count, int width, int inner)
    {
        var format = Enum.Parse<WeightEncoding>(encoding);
        TestMatrix[] gate = [.. Enumerable.Range(0, count).Select(_ => NewMatrix(format, inner, width, 8, 16))];
        TestMatrix[] up = [.. Enumerable.Range(0, count).Select(_ => NewMatrix(format, inner, width, 8, 16))];
        TestMatrix[] down = [.. Enumerable.Range(0, count).Select(_ => NewMatrix(format, width, inner, 8, 16))];
        return new ExpertCase(
            gate, up, down,
            Own(Backend.LoadExperts(Views(gate))), Own(Backend.LoadExperts(Views(up))), Own(Backend.LoadExperts(Views(down))));
    }

    /// <summary>Distinct experts for each token; the last expert is chosen by nobody.</summary>
    internal int[] Choices(int count, int chosen, int experts)
    {
        int[] ids = [.. Enumerable.Range(0, experts - 1)];
        return [.. Enumerable.Range(0, count).SelectMany(_ =>
        {
            Random.Shuffle(ids);
            return ids[..chosen];
        })];
    }

    private static WeightMatrix[] Views(TestMatrix[] matrices) => Array.ConvertAll(matrices, m => m.View);

    private (int[] Ids, float[] Weights) Select(float[] logits, float[]? bias, RouterShape shape, int count)
    {
        DeviceArray<int> ids = Upload(new int[count * shape.ExpertsPerToken]);
        Activations weights = Output(count, shape.ExpertsPerToken);
        Backend.SelectExperts(Input(logits, shape.Experts), bias is null ? null : Upload(bias), shape, ids, weights, count);
        return (Download(ids), Read(weights));
    }

    private static float[] Floats(JsonElement problem, string name)
        => [.. problem.GetProperty(name).EnumerateArray().Select(e => e.GetSingle())];

    private static RouterShape ReadShape(JsonElement config, int experts)
    {
        bool corrected = config.GetProperty("topk_method").GetString() == "noaux_tc";
        bool normalize = config.GetProperty("norm_topk_prob").GetBoolean();
        return new RouterShape
        {
            Experts = experts,
            ExpertsPerToken = config.GetProperty("num_experts_per_tok").GetInt32(),
            Groups = config.GetProperty("n_group").GetInt32(),
            GroupsKept = config.GetProperty("topk_group").GetInt32(),
            Sigmoid = config.GetProperty("scoring_func").GetString() == "sigmoid",
            BiasCorrected = corrected,
            Normalize = normalize,

            // V2's own code does not scale weights it has normalised.
            Scale = normalize && !corrected ? 1 : config.GetProperty("routed_scaling_factor").GetSingle(),
        };
    }

    internal sealed record ExpertCase(
        TestMatrix[] GateViews, TestMatrix[] UpViews, TestMatrix[] DownViews, ExpertMatrices Gate, ExpertMatrices Up, ExpertMatrices Down);
}
