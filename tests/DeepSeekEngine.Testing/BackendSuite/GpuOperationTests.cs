using DeepSeekEngine.Backends;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using NUnit.Framework;

namespace DeepSeekEngine.Testing.BackendSuite;

/// <summary>
/// What the GPU kernels must do besides: packed weights times activations as they are, where the CPU rounds those to integers; so they
/// are held to the same twins and tolerances as all other formats.
/// </summary>
public abstract partial class GpuOperationTests : BackendOperationTests
{
    private static readonly int[][] PackedShapes =
    [
        [1, 1, 0, 0], [3, 5, 0, 0], [17, 33, 0, 0], [16, 64, 0, 0], [21, 300, 0, 0], [37, 128, 0, 0],
    ];

    /// <summary>On values whose sum of squares is exact: what a norm's scale loses is the same for a whole row, and routers tell it.</summary>
    [Test]
    public void RmsNorm_rounds_once()
    {
        const int width = 64;
        float[] x = [.. Values(5 * width).Select(v => MathF.Round(v * 9))];
        float[] weight = Values(width);
        Activations y = Output(5, width);
        Backend.RmsNorm(Input(x, width), Upload(weight), 0.5f, y, 5);
        float[] result = Read(y);
        double[] expected = ScalarDense.RmsNorm(Wide(x), weight, 0.5);
        for (int i = 0; i < result.Length; i++)
        {
            double unit = MathF.BitIncrement(MathF.Abs((float)expected[i])) - MathF.Abs((float)expected[i]);
            Assert.That(result[i], Is.EqualTo(expected[i]).Within(0.51 * unit), $"value {i}");
        }
    }

    [Test]
    public void Packed_tables_are_decoded([Values("Int8", "Int4")] string encoding, [ValueSource(nameof(PackedShapes))] int[] shape)
        => Embed_decodes_the_rows_of_tokens(encoding, shape);

    [Test]
    public void Packed_matrices_are_multiplied_with_activations_as_they_are(
        [Values("Int8", "Int4")] string encoding, [ValueSource(nameof(PackedShapes))] int[] shape, [Values(1, 2, 9)] int count)
        => Linear_multiplies_by_the_transposed_matrix(encoding, shape, count);

    [Test]
    public void Products_with_packed_matrices_are_added([Values("Int8", "Int4")] string encoding) => LinearAdd_adds_to_what_is_there(encoding);

    [Test]
    public void Products_with_packed_matrices_are_the_same_in_any_batch([Values("Int8", "Int4")] string encoding, [Values(45, 150)] int columns)
        => Linear_is_the_same_in_any_batch(encoding, columns);

    [Test]
    public void Packed_experts_are_mixed(
        [Values("Int8", "Int4")] string encoding, [Values(1, 2, 10)] int count, [Values(1, 3)] int chosen)
        => RoutedExperts_adds_the_weighted_outputs_of_the_chosen(encoding, count, chosen);

    [Test]
    public void Packed_experts_are_the_same_in_any_batch([Values("Int8", "Int4")] string encoding)
        => RoutedExperts_is_the_same_in_any_batch(encoding);

    [Test]
    public void Packed_latent_projections_are_the_same_in_any_batch([Values("Int8", "Int4")] string encoding)
    {
        AbsorbQueries_is_the_same_in_any_batch(encoding);
        ProjectLatents_is_the_same_in_any_batch(encoding);
    }

    // Blocks of 64 tokens, the last not full, in which several tiles have the same expert.
    [Test]
    public void Many_tokens_share_experts([Values("BF16", "F8E4M3", "Int4")] string encoding)
        => RoutedExperts_adds_the_weighted_outputs_of_the_chosen(encoding, IsSlow ? 18 : 70, 2);
}
