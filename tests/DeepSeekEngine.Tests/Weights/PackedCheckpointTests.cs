using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Weights;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Weights;

/// <summary>Packed checkpoints as files: what is written, that nothing half-written is left, and what is refused.</summary>
public sealed class PackedCheckpointTests
{
    private const string Matrix = "model.layers.1.mlp.experts.3.down_proj.weight";
    private const string Shard = "model.safetensors";

    private TemporaryDirectory _directory = null!;
    private string _packed = null!;

    [SetUp]
    public async Task Pack()
    {
        _directory = new TemporaryDirectory();
        _packed = Path.Combine(_directory.Path, "packed");
        await ModelPacker.PackAsync(TestPaths.TinyR1, _packed, WeightFormat.Int4);
    }

    [TearDown]
    public void Delete() => _directory.Dispose();

    [Test]
    public void Packed_bytes_are_those_quantising_gives()
    {
        using var source = Checkpoint.Open(TestPaths.TinyR1, null);
        using var packed = Checkpoint.Open(_packed, null);
        Assert.That(packed.PackedFormat, Is.EqualTo(WeightFormat.Int4));
        var quantized = 0;
        foreach (var (name, entry) in source.Tensors)
        {
            if (packed.PackedMatrixOf(name) is not { } shape)
            {
                Assert.That(Span(packed.Bytes(name)).SequenceEqual(Span(source.Bytes(name))), name);
                continue;
            }

            Assert.That(entry.Shape, Is.EqualTo(new long[] { shape.Rows, shape.Columns }), name);
            using var expected = new NativeBuffer(shape.ByteLength);
            unsafe
            {
                new ParallelQuantizer(1, CancellationToken.None).Quantize(
                    source.Matrix(name, shape.Rows, shape.Columns), shape.Encoding, 0, PackedLayout.Panels(shape.Rows), expected.Pointer);
                Assert.That(Span(packed.Bytes(name)).SequenceEqual(new ReadOnlySpan<byte>(expected.Pointer, (int)shape.ByteLength)), name);
                Assert.That((nuint)packed.Matrix(name, shape.Rows, shape.Columns).Data % PackedLayout.Alignment, Is.EqualTo((nuint)0), name);
            }

            quantized++;
        }

        Assert.That(quantized, Is.GreaterThan(50));
    }

    [Test]
    public void Only_the_named_roles_are_packed_and_the_head_keeps_eight_bits()
    {
        using var packed = Checkpoint.Open(_packed, null);
        foreach (var (name, _) in packed.Tensors)
        {
            WeightEncoding? expected = TensorRoles.Of(name) switch
            {
                TensorRole.Head => WeightEncoding.Int8,
                TensorRole.Query or TensorRole.KeyValue or TensorRole.LatentDown or TensorRole.AttentionOutput or TensorRole.DenseFeedForward
                    or TensorRole.SharedExperts or TensorRole.RoutedExperts => WeightEncoding.Int4,
                _ => null,
            };
            Assert.That(packed.PackedMatrixOf(name)?.Encoding, Is.EqualTo(expected), name);
        }
    }

    [TestCase("qwen2")]
    [TestCase("qwen3")]
    public async Task Every_projection_of_a_dense_model_is_packed(string fixture)
    {
        var dense = Path.Combine(_directory.Path, fixture);
        await ModelPacker.PackAsync(TestPaths.Fixture(fixture), dense, WeightFormat.Int4);
        using var packed = Checkpoint.Open(dense, null);
        foreach (var (name, _) in packed.Tensors)
        {
            var isProjection = name.EndsWith("_proj.weight", StringComparison.Ordinal) || name == "lm_head.weight";
            Assert.That(packed.PackedMatrixOf(name) is not null, Is.EqualTo(isProjection), name);
        }
    }

    [Test]
    public void The_other_files_come_along()
    {
        foreach (var file in (string[])["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"])
        {
            Assert.That(File.ReadAllBytes(Path.Combine(_packed, file)), Is.EqualTo(File.ReadAllBytes(Path.Combine(TestPaths.TinyR1, file))));
        }
    }

    [Test]
    public void Many_shards_hold_what_one_holds()
    {
        var sharded = Path.Combine(_directory.Path, "sharded");
        new PackedCheckpointWriter(TestPaths.TinyR1, sharded, WeightFormat.Int4, null, default, shardBytes: 200_000).Write();
        Assert.That(Directory.GetFiles(sharded, "*.safetensors"), Has.Length.GreaterThan(4));
        using var one = Checkpoint.Open(_packed, null);
        using var many = Checkpoint.Open(sharded, null);
        Assert.That(many.Tensors.Select(t => t.Name), Is.EquivalentTo(one.Tensors.Select(t => t.Name)));
        foreach (var (name, _) in one.Tensors)
        {
            Assert.That(Span(many.Bytes(name)).SequenceEqual(Span(one.Bytes(name))), name);
        }
    }

    [Test]
    public async Task The_hash_is_that_of_the_source()
    {
        var again = Path.Combine(_directory.Path, "again");
        await ModelPacker.PackAsync(TestPaths.TinyR1, again, WeightFormat.Int8);
        var changed = Copy(TestPaths.TinyR1, "changed");
        var shard = Path.Combine(changed, Shard);
        var bytes = File.ReadAllBytes(shard);
        bytes[^1] ^= 1;
        File.WriteAllBytes(shard, bytes);
        var other = Path.Combine(_directory.Path, "other");
        await ModelPacker.PackAsync(changed, other, WeightFormat.Int4);
        Assert.That(Hash(again), Is.EqualTo(Hash(_packed)));
        Assert.That(Hash(other), Is.Not.EqualTo(Hash(_packed)));

        static string Hash(string directory)
        {
            using var file = SafetensorsFile.Open(Path.Combine(directory, Shard));
            return file.Packing!.SourceHash;
        }
    }

    [Test]
    public async Task An_existing_destination_is_left_alone()
    {
        var before = File.ReadAllBytes(Path.Combine(_packed, Shard));
        await Assert.ThatAsync(
            () => ModelPacker.PackAsync(TestPaths.TinyR1, _packed, WeightFormat.Int8), Throws.InstanceOf<IOException>().With.Message.Contain("exists"));
        Assert.That(File.ReadAllBytes(Path.Combine(_packed, Shard)), Is.EqualTo(before));
    }

    [Test]
    public async Task A_packed_source_or_no_format_is_refused()
    {
        var destination = Path.Combine(_directory.Path, "twice");
        await Assert.ThrowsAsync<UnsupportedModelException>(() => ModelPacker.PackAsync(_packed, destination, WeightFormat.Int8));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = ModelPacker.PackAsync(_packed, destination, WeightFormat.AsStored));
        AssertNothingElseWasWritten();
    }

    [Test]
    public async Task Cancelling_leaves_nothing_behind()
    {
        using var cancellation = new CancellationTokenSource();
        var cancelHalfway = new Recorder(report =>
        {
            if (report.Fraction > 0.5)
            {
                cancellation.Cancel();
            }
        });
        var before = NativeBuffer.OutstandingBytes;
        await Assert.CatchAsync<OperationCanceledException>(() => ModelPacker.PackAsync(
            TestPaths.TinyR1, Path.Combine(_directory.Path, "cancelled"), WeightFormat.Int8, cancelHalfway, cancellation.Token));
        Assert.That(NativeBuffer.OutstandingBytes, Is.EqualTo(before));
        AssertNothingElseWasWritten();
    }

    [Test]
    public async Task Progress_rises_to_all_of_the_source()
    {
        var reports = new List<PackProgress>();
        await ModelPacker.PackAsync(TestPaths.TinyR1, Path.Combine(_directory.Path, "reported"), WeightFormat.Int8, new Recorder(reports.Add));
        Assert.That(reports.Select(report => report.BytesDone), Is.Ordered);
        Assert.That(reports[^1].BytesDone, Is.EqualTo(reports[^1].BytesTotal));
        Assert.That(reports[^1].Fraction, Is.EqualTo(1));
    }

    [Test]
    public async Task A_weight_that_is_no_number_names_its_tensor()
    {
        var source = Copy(TestPaths.TinyR1, "infinite");
        var shard = Path.Combine(source, Shard);
        var bytes = File.ReadAllBytes(shard);
        using (var file = SafetensorsFile.Open(shard))
        {
            var begin = (int)file.Tensors[Matrix].Begin;
            (bytes[begin], bytes[begin + 1]) = (0x80, 0x7F);
        }

        File.WriteAllBytes(shard, bytes);
        var packing = await Assert.ThrowsAsync<ModelFormatException>(
            () => ModelPacker.PackAsync(source, Path.Combine(_directory.Path, "never"), WeightFormat.Int4));
        Assert.That(packing!.Tensor, Is.EqualTo(Matrix));
        var loading = await Assert.ThrowsAsync<ModelFormatException>(
            () => DeepSeekModel.LoadAsync(source, new EngineOptions { Device = Device.Cpu, Weights = WeightFormat.Int8 }));
        Assert.That(loading!.Tensor, Is.EqualTo(Matrix));
    }

    [TestCase("deepseek_engine.layout", "2", "layout '2'")]
    [TestCase("deepseek_engine.layout", "", "layout ''")]
    [TestCase("deepseek_engine.format", "int3", "int3")]
    [TestCase("deepseek_engine.format", null, "expected int8 or int4")]
    [TestCase("deepseek_engine.source_sha256", "00", "hexadecimal")]
    [TestCase("deepseek_engine.source_sha256", null, "hexadecimal")]
    [TestCase("deepseek_engine.matrix." + Matrix, "int8 128 96", Matrix)]
    [TestCase("deepseek_engine.matrix." + Matrix, "int4 2147483647 2147483647", Matrix)]
    [TestCase("deepseek_engine.matrix." + Matrix, "int4 0 96", Matrix)]
    [TestCase("deepseek_engine.matrix." + Matrix, "int4 -128 -96", Matrix)]
    [TestCase("deepseek_engine.matrix." + Matrix, "int4 4294967424 96", Matrix)]
    [TestCase("deepseek_engine.matrix." + Matrix, "int4", Matrix)]
    [TestCase("deepseek_engine.matrix." + Matrix, null, Matrix)]
    [TestCase("deepseek_engine.matrix." + Matrix, "int4 128 97", Matrix)]
    [TestCase("deepseek_engine.matrix.nowhere", "int4 16 64", "nowhere")]
    [TestCase("deepseek_engine.matrix.model.norm.weight", "int4 16 64", "model.norm.weight")]
    public async Task Metadata_that_contradict_the_tensors_are_refused(string key, string? value, string problem)
    {
        Edit(header =>
        {
            var metadata = header["__metadata__"]!.AsObject();
            metadata.Remove(key);
            if (value is not null)
            {
                metadata.Add(key, value);
            }
        });
        await Refused(problem);
    }

    [Test]
    public async Task Packed_tensors_that_another_program_moved_are_refused()
    {
        var path = Path.Combine(_packed, Shard);
        var file = File.ReadAllBytes(path);
        var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(file);
        File.WriteAllBytes(path, SafetensorsBuilder.FromHeader([.. file[8..(8 + length)], (byte)' '], file[(8 + length)..]));
        await Refused("multiple of 64");
    }

    [Test]
    public async Task A_truncated_file_is_refused()
    {
        var path = Path.Combine(_packed, Shard);
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^64]);
        await Refused("model.safetensors");
    }

    [Test]
    public async Task A_file_whose_header_was_never_written_is_refused()
    {
        var path = Path.Combine(_packed, Shard);
        var bytes = File.ReadAllBytes(path);
        bytes.AsSpan(0, 4096).Clear();
        File.WriteAllBytes(path, bytes);
        await Refused("header of 0 bytes");
    }

    [Test]
    public async Task Another_format_than_it_is_packed_to_is_refused()
    {
        var options = new EngineOptions { Device = Device.Cpu, Weights = WeightFormat.Int8 };
        await Assert.ThrowsAsync<UnsupportedModelException>(() => DeepSeekModel.LoadAsync(_packed, options));
        Assert.Throws<UnsupportedModelException>(() => DeepSeekModel.EstimateMemory(_packed, options));
    }

    private static unsafe ReadOnlySpan<byte> Span(MappedBytes bytes) => new(bytes.Data, (int)bytes.Length);

    private string Copy(string source, string name)
    {
        var copy = Directory.CreateDirectory(Path.Combine(_directory.Path, name)).FullName;
        foreach (var file in Directory.EnumerateFiles(source))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        return copy;
    }

    /// <summary>Changes the header and keeps the place of the data, which it leaves room for.</summary>
    private void Edit(Action<JsonNode> change)
    {
        var path = Path.Combine(_packed, Shard);
        var file = File.ReadAllBytes(path);
        var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(file);
        var header = JsonNode.Parse(Encoding.UTF8.GetString(file, 8, length))!;
        change(header);
        var json = header.ToJsonString();
        var padded = json + new string(' ', ((4096 - ((8 + json.Length) % 4096)) % 4096));
        File.WriteAllBytes(path, SafetensorsBuilder.FromHeader(padded, file[(8 + length)..]));
    }

    private async Task Refused(string problem)
    {
        var before = NativeBuffer.OutstandingBytes;
        var refusal = await Assert.ThrowsAsync<ModelFormatException>(
            () => DeepSeekModel.LoadAsync(_packed, new EngineOptions { Device = Device.Cpu }));
        Assert.That(refusal!.Message, Does.Contain(problem));
        Assert.That(NativeBuffer.OutstandingBytes, Is.EqualTo(before));
    }

    private void AssertNothingElseWasWritten()
        => Assert.That(Directory.GetFileSystemEntries(_directory.Path), Is.EqualTo(new[] { _packed }));

    private sealed class Recorder(Action<PackProgress> report) : IProgress<PackProgress>
    {
        public void Report(PackProgress value) => report(value);
    }
}
