using System.Buffers.Binary;
using System.Text;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Weights;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Weights;

internal sealed unsafe class SafetensorsFileTests
{
    private TemporaryDirectory _directory = null!;

    [SetUp]
    public void CreateDirectory() => _directory = new TemporaryDirectory();

    [TearDown]
    public void DeleteDirectory() => _directory.Dispose();

    [Test]
    public void Tensors_are_found_with_type_shape_and_bytes()
    {
        byte[] bytes = new SafetensorsBuilder()
            .Add("half", "BF16", [3], [1, 2, 3, 4, 5, 6])
            .Add("empty", "I64", [2, 0], [])
            .Add("scalar", "U8", [], [9])
            .ToBytes();
        using SafetensorsFile file = SafetensorsFile.Open(_directory.Write("a.safetensors", bytes));

        Assert.That(file.Tensors.Keys, Is.EquivalentTo(new[] { "half", "empty", "scalar" }));
        TensorEntry half = file.Tensors["half"];
        Assert.That((half.DType, half.ShapeText, half.ByteLength), Is.EqualTo(("BF16", "[3]", 6L)));
        Assert.That(new ReadOnlySpan<byte>(file.Data(half), 6).ToArray(), Is.EqualTo(new byte[] { 1, 2, 3, 4, 5, 6 }));
        Assert.That((file.Tensors["empty"].ShapeText, file.Tensors["empty"].ByteLength), Is.EqualTo(("[2, 0]", 0L)));
        Assert.That(*file.Data(file.Tensors["scalar"]), Is.EqualTo(9));
    }

    [Test]
    public void A_file_without_tensors_is_well_formed()
    {
        using SafetensorsFile file = SafetensorsFile.Open(
            _directory.Write("a.safetensors", SafetensorsBuilder.FromHeader("""{"__metadata__":{"format":"pt"}}   """)));
        Assert.That(file.Tensors, Is.Empty);
    }

    [Test]
    public void Data_is_refused_after_disposal_and_disposing_twice_is_harmless()
    {
        SafetensorsFile file = SafetensorsFile.Open(_directory.Write("a.safetensors", new SafetensorsBuilder().Add("t", [1], 1f)));
        file.Dispose();
        file.Dispose();
        Assert.That(() => file.Data(file.Tensors["t"]), Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public void A_refused_file_is_not_held_open()
    {
        string path = _directory.Write("a.safetensors", SafetensorsBuilder.FromHeader("[]"));
        Assert.That(() => SafetensorsFile.Open(path), Throws.InstanceOf<ModelFormatException>());
        using FileStream exclusive = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        Assert.That(exclusive.CanWrite);
    }

    [Test]
    public void A_missing_file_is_named()
    {
        string path = Path.Combine(_directory.Path, "absent.safetensors");
        AssertRefused(path, null, "does not exist");
    }

    [Test]
    public void A_directory_in_the_place_of_a_file_is_named()
        => AssertRefused(Directory.CreateDirectory(Path.Combine(_directory.Path, "d.safetensors")).FullName, null, "cannot be mapped");

    [TestCase(0)]
    [TestCase(7)]
    public void A_file_shorter_than_the_header_length_is_refused(int length)
        => AssertRefused(_directory.Write("a.safetensors", new byte[length]), null, "at least 8");

    [TestCase(0ul)]
    [TestCase(3ul)]
    [TestCase(100_000_001ul)]
    [TestCase(ulong.MaxValue)]
    [TestCase((ulong)long.MaxValue)]
    public void A_header_length_beyond_the_file_is_refused(ulong length)
    {
        byte[] bytes = new byte[10];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        AssertRefused(_directory.Write("a.safetensors", bytes), null, $"states a header of {length} bytes");
    }

    [Test]
    public void A_header_of_more_than_a_hundred_megabytes_is_refused_though_the_file_holds_it()
    {
        byte[] length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, 100_000_001);
        string path = _directory.Write("a.safetensors", length);
        using (FileStream sparse = new(path, FileMode.Open))
        {
            sparse.SetLength(100_000_100);
        }

        AssertRefused(path, null, "from 1 to 100000000");
    }

    private static readonly TestCaseData[] MalformedHeaders =
    [
        Case("not json", "{oops", 0, null, "not valid JSON"),
        Case("cut off", """{"t":{"dtype":"U8","shape":[1]""", 1, null, "not valid JSON"),
        Case("text after the object", "{} {}", 0, null, "not valid JSON"),
        Case("white space only", "   ", 0, null, "not valid JSON"),
        Case("half a surrogate pair", """{"\ud800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1, null, "not valid JSON"),
        Case("deep nesting", """{"t":{"x":""" + new string('[', 100) + new string(']', 100) + "}}", 0, null, "not valid JSON"),
        Case("an array", "[]", 0, null, "the header is not an object"),
        Case("entry is a number", """{"t":1}""", 0, "t", "entry is not an object"),
        Case("metadata is an array", """{"__metadata__":[]}""", 0, null, "__metadata__ is not an object"),
        Case("metadata holds a number", """{"__metadata__":{"a":1}}""", 0, null, "__metadata__ is not a string"),
        Case("two metadata", """{"__metadata__":{},"__metadata__":{}}""", 0, null, "two __metadata__"),
        Case("no dtype", """{"t":{"shape":[1],"data_offsets":[0,1]}}""", 1, "t", "needs dtype, shape and data_offsets"),
        Case("no shape", """{"t":{"dtype":"U8","data_offsets":[0,1]}}""", 1, "t", "needs dtype, shape and data_offsets"),
        Case("no offsets", """{"t":{"dtype":"U8","shape":[1]}}""", 1, "t", "needs dtype, shape and data_offsets"),
        Case("dtype is a number", """{"t":{"dtype":8,"shape":[1],"data_offsets":[0,1]}}""", 1, "t", "dtype is not a string"),
        Case("dtype is unknown", """{"t":{"dtype":"Q4","shape":[1],"data_offsets":[0,1]}}""", 1, "t", "unknown dtype 'Q4'"),
        Case("dtype twice", """{"t":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}""", 1, "t", "dtype twice"),
        Case("shape twice", """{"t":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}}""", 1, "t", "shape twice"),
        Case(
            "offsets twice",
            """{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"data_offsets":[0,1]}}""",
            1, "t", "data_offsets twice"),
        Case("shape is text", """{"t":{"dtype":"U8","shape":"1","data_offsets":[0,1]}}""", 1, "t", "shape is not an array"),
        Case("negative size", """{"t":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}""", 1, "t", "shape has an element"),
        Case("fractional size", """{"t":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}""", 1, "t", "shape has an element"),
        Case(
            "size beyond 64 bits",
            """{"t":{"dtype":"U8","shape":[18446744073709551617],"data_offsets":[0,1]}}""",
            1, "t", "shape has an element"),
        Case("overflowing shape", """{"t":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,1]}}""", 1, "t", "overflows"),
        Case("shape that wraps to 4", """{"t":{"dtype":"U8","shape":[4611686018427387905,4],"data_offsets":[0,4]}}""", 4, "t", "overflows"),
        Case("nine dimensions", """{"t":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}}""", 1, "t", "more than 8"),
        Case("one offset", """{"t":{"dtype":"U8","shape":[1],"data_offsets":[0]}}""", 1, "t", "data_offsets [begin, end]"),
        Case("three offsets", """{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}""", 1, "t", "data_offsets has more than 2"),
        Case("negative offset", """{"t":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}}""", 1, "t", "data_offsets has an element"),
        Case("end before begin", """{"t":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}""", 1, "t", "data_offsets are [1, 0]"),
        Case("end beyond the file", """{"t":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""", 1, "t", "truncated"),
        Case(
            "offsets near 2^63",
            """{"t":{"dtype":"U8","shape":[1],"data_offsets":[9223372036854775806,9223372036854775807]}}""",
            1, "t", "truncated"),
        Case("too few bytes", """{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,3]}}""", 3, "t", "needs 4 bytes"),
        Case("too many bytes", """{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,2]}}""", 2, "t", "needs 1 bytes"),
        Case("half a byte", """{"t":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}""", 1, "t", "whole number of bytes"),
        Case(
            "name twice",
            """{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"t":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""",
            2, "t", "listed twice"),
        Case(
            "name twice, once escaped",
            """{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0074":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""",
            2, "t", "listed twice"),
        Case(
            "overlap",
            """{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}""",
            3, "b", "overlaps"),
        Case(
            "same bytes",
            """{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""",
            2, "b", "overlaps"),
        Case(
            "hole",
            """{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}""",
            3, "b", "leaves a hole"),
        Case("rest", """{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 5, null, "4 bytes after its last tensor"),
    ];

    [TestCaseSource(nameof(MalformedHeaders))]
    public void A_malformed_header_is_refused_naming_the_tensor(string header, int dataLength, string? tensor, string phrase)
    {
        string path = _directory.Write("a.safetensors", SafetensorsBuilder.FromHeader(header, new byte[dataLength]));
        ModelFormatException exception = AssertRefused(path, tensor, phrase);
        Assert.That(exception.Message, Does.Contain(path));
    }

    [Test]
    public void A_header_that_is_not_UTF8_is_refused()
    {
        byte[] header = Encoding.UTF8.GetBytes("""{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""");
        header[2] = 0xff;
        AssertRefused(_directory.Write("a.safetensors", SafetensorsBuilder.FromHeader(header, new byte[1])), null, "not valid UTF-8");
    }

    [Test]
    public void A_file_cut_anywhere_is_refused()
    {
        byte[] whole = new SafetensorsBuilder().Add("a", [2], 1f, 2f).Add("b", "U8", [3], [1, 2, 3]).ToBytes();
        for (int length = 0; length < whole.Length; length++)
        {
            string path = _directory.Write("a.safetensors", whole[..length]);
            Assert.That(() => SafetensorsFile.Open(path), Throws.InstanceOf<ModelFormatException>(), $"cut to {length} bytes");
        }
    }

    [Test]
    public void A_mutated_header_is_refused_or_describes_tensors_inside_the_file()
    {
        byte[] file = File.ReadAllBytes(TestPaths.Fixture("v3-fp8", "model-00002-of-00003.safetensors"));
        byte[] header = file[8..(8 + (int)BinaryPrimitives.ReadUInt64LittleEndian(file))];
        long dataBegin = 8 + header.Length;
        Random random = new(7);
        int refused = 0;
        int accepted = 0;
        for (int variant = 0; variant < 3000; variant++)
        {
            byte[] mutated = Mutate(header, random);
            try
            {
                foreach (TensorEntry entry in SafetensorsHeader.Parse("mutated", mutated, dataBegin, file.Length).Tensors.Values)
                {
                    bool inside = entry.Begin >= dataBegin && entry.ByteLength >= 0 && entry.Begin <= file.Length - entry.ByteLength;
                    Assert.That(inside, $"variant {variant}");
                }

                accepted++;
            }
            catch (ModelFormatException)
            {
                refused++;
            }
        }

        // Most flips break something; those that only rename a tensor do not.
        Assert.That(refused, Is.GreaterThan(1000));
        Assert.That(accepted, Is.GreaterThan(100));
    }

    [Test]
    public void A_mutated_file_is_refused_or_readable_to_the_last_byte()
    {
        byte[] whole = new SafetensorsBuilder().Add("a", [2], 1f, 2f).Add("b", "BF16", [3], [1, 2, 3, 4, 5, 6]).ToBytes();
        Random random = new(11);
        int refused = 0;
        for (int variant = 0; variant < 1000; variant++)
        {
            byte[] mutated = Mutate(whole, random);
            string path = _directory.Write("a.safetensors", mutated);
            try
            {
                using SafetensorsFile file = SafetensorsFile.Open(path);
                foreach (TensorEntry entry in file.Tensors.Values)
                {
                    ReadOnlySpan<byte> data = new(file.Data(entry), (int)entry.ByteLength);
                    Assert.That(data.SequenceEqual(mutated.AsSpan((int)entry.Begin, data.Length)), $"variant {variant}");
                }
            }
            catch (ModelFormatException)
            {
                refused++;
            }
        }

        Assert.That(refused, Is.InRange(100, 999));
    }

    /// <summary>One to four random bytes changed, most to characters that mean something in JSON; sometimes cut.</summary>
    private static byte[] Mutate(byte[] original, Random random)
    {
        byte[] mutated = (byte[])original.Clone();
        for (int flips = random.Next(1, 5); flips > 0; flips--)
        {
            ReadOnlySpan<byte> meaningful = "{}[]\",:-.0123456789eE \\n"u8;
            mutated[random.Next(mutated.Length)] = random.Next(3) == 0
                ? (byte)random.Next(256)
                : meaningful[random.Next(meaningful.Length)];
        }

        return random.Next(8) == 0 ? mutated[..random.Next(mutated.Length)] : mutated;
    }

    private static ModelFormatException AssertRefused(string path, string? tensor, string phrase)
    {
        ModelFormatException? exception = Assert.Throws<ModelFormatException>(() => SafetensorsFile.Open(path).Dispose());
        Assert.That(exception!.Message, Does.Contain(phrase));
        Assert.That(exception.Path, Is.EqualTo(path));
        Assert.That(exception.Tensor, Is.EqualTo(tensor));
        return exception;
    }

    private static TestCaseData Case(string name, string header, int dataLength, string? tensor, string phrase)
        => new TestCaseData(header, dataLength, tensor, phrase).SetArgDisplayNames(name);
}
