using System.Security.Cryptography;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Model;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Weights;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Weights;

internal sealed unsafe class CheckpointTests
{
    private const string Index = "model.safetensors.index.json";
    private const string Single = "model.safetensors";

    private static readonly Fp8Quantization Blocks = new(128, 128);

    private TemporaryDirectory _directory = null!;

    [SetUp]
    public void CreateDirectory() => _directory = new TemporaryDirectory();

    [TearDown]
    public void DeleteDirectory() => _directory.Dispose();

    [Test]
    public void A_single_file_is_read_as_the_oracle_wrote_it()
    {
        using Checkpoint checkpoint = Checkpoint.Open(TestPaths.Fixture("v3-bf16"), null);

        Assert.That(checkpoint.TotalBytes, Is.EqualTo(954880));
        Assert.That(checkpoint.Contains("lm_head.weight"));
        Assert.That(checkpoint.Contains("__metadata__"), Is.False);
        WeightMatrix head = checkpoint.Matrix("lm_head.weight", 320, 64);
        Assert.That((head.Encoding, head.Rows, head.Columns, head.ByteLength), Is.EqualTo((WeightEncoding.BF16, 320, 64, 40960L)));
        Assert.That(head.Scales is null);
        Assert.That(Sha256(head), Is.EqualTo("263eeb54644087430f7e18e0b1c57717f331e525cc385ad66c31916d253d0734"));
        Assert.That(
            Sha256(checkpoint.Matrix("model.layers.1.mlp.experts.3.down_proj.weight", 64, 32)),
            Is.EqualTo("f3717e85bd3ac02ca4a4acd3034619f0d1669190f27c3e2b5a5cc6bdfd546b62"));
        float[] norm = checkpoint.Vector("model.norm.weight", 64);
        Assert.That(norm[..4], Is.EqualTo(new[] { 0.921875f, 1.078125f, 1.21875f, 0.86328125f }));
        Assert.That(norm.Sum(value => (double)value), Is.EqualTo(62.53125));
        Assert.That(
            checkpoint.Vector("model.layers.1.mlp.gate.e_score_correction_bias", 8)[5..],
            Is.EqualTo(new[] { -0.18388502299785614f, 0.11883503943681717f, -0.11275201290845871f }));
    }

    [Test]
    public void Shards_are_read_and_scales_found_in_another_shard()
    {
        string directory = TestPaths.Fixture("v3-fp8");
        using Checkpoint checkpoint = Checkpoint.Open(directory, Blocks);

        Assert.That(checkpoint.TotalBytes, Is.EqualTo(1795280));
        const string Name = "model.layers.1.mlp.experts.2.down_proj.weight";
        Assert.That(checkpoint.PathOf(Name), Is.EqualTo(Path.Combine(directory, "model-00001-of-00003.safetensors")));
        Assert.That(checkpoint.PathOf(Name + "_scale_inv"), Is.EqualTo(Path.Combine(directory, "model-00002-of-00003.safetensors")));
        WeightMatrix matrix = checkpoint.Matrix(Name, 160, 144);
        Assert.That(
            (matrix.Encoding, matrix.BlockRows, matrix.BlockColumns, matrix.ScaleRows, matrix.ScaleColumns),
            Is.EqualTo((WeightEncoding.F8E4M3, 128, 128, 2, 2)));
        Assert.That(Sha256(matrix), Is.EqualTo("03d2ce8ca63d6b66bac8615fd3d132247e9d34449e45cfbb390d2ced482ac692"));
        Assert.That(
            new ReadOnlySpan<float>(matrix.Scales, 4).ToArray(),
            Is.EqualTo(new[] { 0.0009769760072231293f, 0.0010094961617141962f, 0.00048285871162079275f, 0.0008789309067651629f }));
        WeightMatrix gate = checkpoint.Matrix("model.layers.0.mlp.gate_proj.weight", 288, 160);
        Assert.That(Sha256(gate), Is.EqualTo("998bcc0ee18b09d675e1202bb1d0f9f9fb812bab46043a0f42fd6ecc9c225867"));
        Assert.That(gate.Scales[5], Is.EqualTo(0.0004931040457449853f));
    }

    [Test]
    public void Symbolic_links_to_blobs_are_followed()
    {
        string blobs = Directory.CreateDirectory(Path.Combine(_directory.Path, "blobs")).FullName;
        string snapshot = Directory.CreateDirectory(Path.Combine(_directory.Path, "snapshot")).FullName;
        File.WriteAllBytes(Path.Combine(blobs, "0a1b"), new SafetensorsBuilder().Add("t", [2], 3f, 4f).ToBytes());
        File.CreateSymbolicLink(Path.Combine(snapshot, Single), Path.Combine("..", "blobs", "0a1b"));

        using Checkpoint checkpoint = Checkpoint.Open(snapshot, null);
        Assert.That(checkpoint.Vector("t", 2), Is.EqualTo(new[] { 3f, 4f }));
    }

    [Test]
    public void Vectors_of_every_float_type_are_converted()
    {
        _directory.Write(Single, new SafetensorsBuilder()
            .Add("f32", [2], -1.25f, 3e30f)
            .Add("f16", "F16", [3], [0x00, 0xc1, 0x01, 0x00, 0xff, 0x7b])
            .Add("bf16", "BF16", [2], [0x20, 0xc0, 0x80, 0x00])
            .Add("odd", "U8", [1], [0])
            .Add("unaligned", "BF16", [2], [0x80, 0x3f, 0x00, 0x40]));
        using Checkpoint checkpoint = Checkpoint.Open(_directory.Path, null);

        Assert.That(checkpoint.Vector("f32", 2), Is.EqualTo(new[] { -1.25f, 3e30f }));
        Assert.That(checkpoint.Vector("f16", 3), Is.EqualTo(new[] { -2.5f, MathF.ScaleB(1, -24), 65504f }));
        Assert.That(checkpoint.Vector("bf16", 2), Is.EqualTo(new[] { -2.5f, MathF.ScaleB(1, -126) }));
        Assert.That(checkpoint.Vector("unaligned", 2), Is.EqualTo(new[] { 1f, 2f }));
    }

    [TestCase("F32", WeightEncoding.F32, 4)]
    [TestCase("F16", WeightEncoding.F16, 2)]
    [TestCase("BF16", WeightEncoding.BF16, 2)]
    public void Matrices_are_views_of_the_stored_bytes(string dtype, object encoding, int bytesPerElement)
    {
        byte[] bytes = [.. Enumerable.Range(0, 6 * bytesPerElement).Select(value => (byte)value)];
        _directory.Write(Single, new SafetensorsBuilder().Add("w", dtype, [2, 3], bytes));
        using Checkpoint checkpoint = Checkpoint.Open(_directory.Path, null);

        WeightMatrix matrix = checkpoint.Matrix("w", 2, 3);
        Assert.That(matrix.Encoding, Is.EqualTo(encoding));
        Assert.That(new ReadOnlySpan<byte>(matrix.Data, (int)matrix.ByteLength).ToArray(), Is.EqualTo(bytes));
    }

    [TestCase("F32", 0)]
    [TestCase("F32", 1)]
    [TestCase("BF16", 0)]
    [TestCase("F16", 0)]
    public void Scales_are_float32_and_aligned_however_they_are_stored(string dtype, int offset)
    {
        byte[] scales = dtype switch
        {
            "F32" => [0, 0, 0x00, 0x3f, 0, 0, 0x40, 0xc0],
            "BF16" => [0x00, 0x3f, 0x40, 0xc0],
            _ => [0x00, 0x38, 0x00, 0xc2],
        };
        byte[] file = new SafetensorsBuilder()
            .Add("w_scale_inv", dtype, [2, 1], scales)
            .Add("w", "F8_E4M3", [3, 2], [1, 2, 3, 4, 5, 6])
            .ToBytes(8, offset);
        _directory.Write(Single, file);
        using Checkpoint checkpoint = Checkpoint.Open(_directory.Path, new Fp8Quantization(2, 4));

        for (int repeat = 0; repeat < 2; repeat++)
        {
            WeightMatrix matrix = checkpoint.Matrix("w", 3, 2);
            Assert.That((nuint)matrix.Scales % 4, Is.EqualTo((nuint)0));
            Assert.That(new ReadOnlySpan<float>(matrix.Scales, 2).ToArray(), Is.EqualTo(new[] { 0.5f, -3f }));
            Assert.That((matrix.BlockRows, matrix.BlockColumns), Is.EqualTo((2, 4)));
        }
    }

    [TestCase(float.NaN, 0.5f, "[0, 0] is NaN")]
    [TestCase(0.5f, float.PositiveInfinity, "[1, 0] is")]
    [TestCase(0.5f, float.NegativeInfinity, "[1, 0] is")]
    public void A_scale_that_is_not_finite_is_refused(float first, float second, string phrase)
    {
        string path = _directory.Write(
            Single, new SafetensorsBuilder().Add("w_scale_inv", [2, 1], first, second).Add("w", "F8_E4M3", [129, 1], new byte[129]));
        using Checkpoint checkpoint = Checkpoint.Open(_directory.Path, Blocks);
        AssertRefused(() => checkpoint.Matrix("w", 129, 1), path, "w_scale_inv", phrase);
    }

    [Test]
    public void A_NaN_among_the_scales_is_refused_when_they_are_bfloat16()
    {
        string path = _directory.Write(
            Single, new SafetensorsBuilder().Add("w_scale_inv", "BF16", [1, 1], [0xc0, 0x7f]).Add("w", "F8_E4M3", [1, 1], [0x7f]));
        using Checkpoint checkpoint = Checkpoint.Open(_directory.Path, Blocks);
        AssertRefused(() => checkpoint.Matrix("w", 1, 1), path, "w_scale_inv", "is NaN");
        AssertRefused(() => checkpoint.Matrix("w", 1, 1), path, "w_scale_inv", "is NaN");
    }

    [Test]
    public void Scales_of_another_type_are_refused_every_time_they_are_asked_for()
    {
        string path = _directory.Write(
            Single, new SafetensorsBuilder().Add("w_scale_inv", "F8_E8M0", [1, 1], [0x7f]).Add("w", "F8_E4M3", [1, 1], [0x38]));
        using Checkpoint checkpoint = Checkpoint.Open(_directory.Path, Blocks);
        AssertRefused(() => checkpoint.Matrix("w", 1, 1), path, "w_scale_inv", "dtype F8_E8M0; expected F32, F16 or BF16");
        AssertRefused(() => checkpoint.Matrix("w", 1, 1), path, "w_scale_inv", "dtype F8_E8M0; expected F32, F16 or BF16");
    }

    [Test]
    public void Scales_of_the_wrong_shape_are_refused()
    {
        string path = _directory.Write(
            Single, new SafetensorsBuilder().Add("w_scale_inv", [1, 1], 1f).Add("w", "F8_E4M3", [1, 129], new byte[129]));
        using Checkpoint checkpoint = Checkpoint.Open(_directory.Path, Blocks);
        AssertRefused(() => checkpoint.Matrix("w", 1, 129), path, "w_scale_inv", "shape [1, 1]; expected [1, 2]");
    }

    [Test]
    public void FP8_without_scales_is_refused()
    {
        string path = _directory.Write(Single, new SafetensorsBuilder().Add("w", "F8_E4M3", [1, 1], [0]));
        using Checkpoint checkpoint = Checkpoint.Open(_directory.Path, Blocks);
        AssertRefused(() => checkpoint.Matrix("w", 1, 1), path, "w", "'w_scale_inv' are missing");
    }

    [Test]
    public void FP8_without_a_quantization_config_is_refused()
    {
        string path = _directory.Write(Single, new SafetensorsBuilder().Add("w", "F8_E4M3", [1, 1], [0]).Add("w_scale_inv", [1, 1], 1f));
        using Checkpoint checkpoint = Checkpoint.Open(_directory.Path, null);
        AssertRefused(() => checkpoint.Matrix("w", 1, 1), path, "w", "no quantization_config");
    }

    [TestCase("I64", 8)]
    [TestCase("F8_E5M2", 1)]
    [TestCase("F64", 8)]
    public void A_type_no_kernel_reads_is_refused_only_when_asked_for(string dtype, int bytes)
    {
        string path = _directory.Write(
            Single, new SafetensorsBuilder().Add("m", dtype, [1, 1], new byte[bytes]).Add("v", dtype, [1], new byte[bytes]));
        using Checkpoint checkpoint = Checkpoint.Open(_directory.Path, Blocks);
        AssertRefused(() => checkpoint.Matrix("m", 1, 1), path, "m", $"dtype {dtype}; expected F32, F16, BF16 or F8_E4M3");
        AssertRefused(() => checkpoint.Vector("v", 1), path, "v", $"dtype {dtype}; expected F32, F16 or BF16");
    }

    [Test]
    public void A_wrong_shape_is_refused_with_found_and_expected()
    {
        string path = _directory.Write(Single, new SafetensorsBuilder().Add("m", [2, 3], 1f, 2f, 3f, 4f, 5f, 6f));
        using Checkpoint checkpoint = Checkpoint.Open(_directory.Path, null);
        AssertRefused(() => checkpoint.Matrix("m", 3, 2), path, "m", "shape [2, 3]; expected [3, 2]");
        AssertRefused(() => checkpoint.Vector("m", 6), path, "m", "shape [2, 3]; expected [6]");
    }

    [Test]
    public void A_tensor_that_is_nowhere_is_named_with_the_directory()
    {
        _directory.Write(Single, new SafetensorsBuilder().Add("m", [1], 1f));
        using Checkpoint checkpoint = Checkpoint.Open(_directory.Path, null);
        AssertRefused(() => checkpoint.Vector("absent", 1), _directory.Path, "absent", "is missing");
    }

    [Test]
    public void Nothing_is_handed_out_after_disposal()
    {
        _directory.Write(Single, new SafetensorsBuilder().Add("m", [1], 1f));
        Checkpoint checkpoint = Checkpoint.Open(_directory.Path, null);
        checkpoint.Dispose();
        checkpoint.Dispose();
        Assert.That(() => checkpoint.Vector("m", 1), Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public void A_missing_directory_is_refused()
    {
        string absent = Path.Combine(_directory.Path, "absent");
        AssertOpenRefused(absent, absent, null, "is not a directory");
    }

    [Test]
    public void A_directory_without_weights_is_refused()
        => AssertOpenRefused(_directory.Path, _directory.Path, null, "has neither model.safetensors nor model.safetensors.index.json");

    [TestCase("{}", "no object weight_map")]
    [TestCase("""{"weight_map":[]}""", "no object weight_map")]
    [TestCase("""{"weight_map":{}}""", "weight_map is empty")]
    [TestCase("[]", "holds a JSON array")]
    [TestCase("{", "not valid JSON")]
    [TestCase("", "not valid JSON")]
    [TestCase("""{"weight_map":{"t":"a","t":"b"}}""", "not valid JSON")]
    public void A_malformed_index_is_refused(string index, string phrase)
        => AssertOpenRefused(_directory.Path, _directory.Write(Index, index), null, phrase);

    [TestCase("\"../model.safetensors\"")]
    [TestCase("\"/etc/passwd\"")]
    [TestCase("\"sub/model.safetensors\"")]
    [TestCase("\"..\\\\model.safetensors\"")]
    [TestCase("\"C:model.safetensors\"")]
    [TestCase("\"\\u0000\"")]
    [TestCase("\"..\"")]
    [TestCase("\".\"")]
    [TestCase("\"\"")]
    [TestCase("7")]
    [TestCase("null")]
    public void A_shard_that_is_not_a_plain_file_name_is_refused(string shard)
        => AssertOpenRefused(_directory.Path, _directory.Write(Index, $"{{\"weight_map\":{{\"t\":{shard}}}}}"), "t", "plain name");

    [Test]
    public void A_shard_name_that_is_not_Unicode_is_refused()
        => AssertOpenRefused(_directory.Path, _directory.Write(Index, """{"weight_map":{"t":"\ud800"}}"""), null, "not valid Unicode");

    [Test]
    public void A_missing_shard_is_named()
    {
        _directory.Write(Index, """{"weight_map":{"t":"model-1.safetensors"}}""");
        AssertOpenRefused(_directory.Path, Path.Combine(_directory.Path, "model-1.safetensors"), null, "does not exist");
    }

    [Test]
    public void A_tensor_absent_from_its_shard_is_named()
    {
        _directory.Write(Index, """{"weight_map":{"t":"a.safetensors","u":"b.safetensors"}}""");
        string path = _directory.Write("a.safetensors", new SafetensorsBuilder().Add("x", [1], 1f));
        _directory.Write("b.safetensors", new SafetensorsBuilder().Add("u", [1], 1f).Add("t", [1], 1f));
        AssertOpenRefused(_directory.Path, path, "t", "is not in this file");
    }

    [Test]
    public void A_tensor_in_two_shards_is_refused()
    {
        _directory.Write(Index, """{"weight_map":{"t":"a.safetensors","u":"b.safetensors"}}""");
        _directory.Write("a.safetensors", new SafetensorsBuilder().Add("t", [1], 1f));
        string path = _directory.Write("b.safetensors", new SafetensorsBuilder().Add("u", [1], 1f).Add("t", [1], 2f));
        AssertOpenRefused(_directory.Path, path, "t", "is also in a.safetensors");
    }

    [Test]
    public void A_damaged_shard_is_named_and_no_file_stays_open()
    {
        _directory.Write(Index, """{"weight_map":{"t":"a.safetensors","u":"b.safetensors"}}""");
        string good = _directory.Write("a.safetensors", new SafetensorsBuilder().Add("t", [1], 1f));
        string bad = _directory.Write("b.safetensors", new byte[3]);
        AssertOpenRefused(_directory.Path, bad, null, "at least 8");
        using FileStream exclusive = new(good, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        Assert.That(exclusive.CanWrite);
    }

    private static void AssertOpenRefused(string directory, string path, string? tensor, string phrase)
        => AssertRefused(() => Checkpoint.Open(directory, null).Dispose(), path, tensor, phrase);

    private static void AssertRefused(Action act, string path, string? tensor, string phrase)
    {
        ModelFormatException? exception = Assert.Throws<ModelFormatException>(() => act());
        Assert.That(exception!.Message, Does.Contain(phrase));
        Assert.That((exception.Path, exception.Tensor), Is.EqualTo((path, tensor)));
    }

    private static string Sha256(WeightMatrix matrix)
        => Convert.ToHexStringLower(SHA256.HashData(new ReadOnlySpan<byte>(matrix.Data, (int)matrix.ByteLength)));
}
