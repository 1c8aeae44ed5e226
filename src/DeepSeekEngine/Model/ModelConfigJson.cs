using System.Globalization;
using System.Text.Json;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Model;

/// <summary>
/// A JSON object of a configuration file, read field by field. A field that is missing without a default, of the wrong type or out of range
/// is reported with the file, the field, its value and what was expected. JSON null counts as missing.
/// </summary>
internal readonly struct ModelConfigJson
{
    private const int MaximumBytes = 1 << 24;

    private readonly string _prefix;
    private readonly JsonElement _object;

    private ModelConfigJson(string path, string prefix, JsonElement value)
    {
        Path = path;
        _prefix = prefix;
        _object = value;
    }

    public string Path { get; }

    public static ModelConfigJson Read(string path) => new(path, "", JsonFile.ReadObject(path, MaximumBytes));

    public int Integer(string name, int minimum, int maximum)
        => OptionalInteger(name, minimum, maximum) ?? throw Missing(name, IntegerRange(minimum, maximum));

    public int? OptionalInteger(string name, int minimum, int maximum)
    {
        if (Field(name) is not JsonElement value)
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= minimum && number <= maximum
            ? number
            : throw Invalid(name, value, IntegerRange(minimum, maximum));
    }

    public double Number(string name, double minimum, double maximum)
        => OptionalNumber(name, minimum, maximum) ?? throw Missing(name, NumberRange(minimum, maximum));

    public double? OptionalNumber(string name, double minimum, double maximum)
    {
        if (Field(name) is not JsonElement value)
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= minimum && number <= maximum
            ? number
            : throw Invalid(name, value, NumberRange(minimum, maximum));
    }

    public bool? OptionalBoolean(string name) => Field(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        JsonElement value => throw Invalid(name, value, "true or false"),
    };

    public string? OptionalText(string name)
        => Field(name) is not JsonElement value ? null : Text(value) ?? throw Invalid(name, value, "a string");

    /// <summary>The strings of an array; empty where the field is missing.</summary>
    public string[] Texts(string name)
    {
        if (Field(name) is not JsonElement value)
        {
            return [];
        }

        int count = value.ValueKind == JsonValueKind.Array ? value.GetArrayLength() : throw Invalid(name, value, "an array of strings");
        string[] texts = new string[count];
        for (int i = 0; i < texts.Length; i++)
        {
            texts[i] = Text(value[i]) ?? throw Invalid(name, value, "an array of strings");
        }

        return texts;
    }

    /// <summary>The integers of an array, or the one integer in its place; null where the field is missing.</summary>
    public int[]? OptionalIntegers(string name, int minimum, int maximum)
    {
        if (Field(name) is not JsonElement value)
        {
            return null;
        }

        JsonElement[] elements = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
        int[] numbers = new int[elements.Length];
        for (int i = 0; i < numbers.Length; i++)
        {
            bool isInteger = elements[i].ValueKind == JsonValueKind.Number && elements[i].TryGetInt32(out numbers[i]);
            if (!isInteger || numbers[i] < minimum || numbers[i] > maximum)
            {
                throw Invalid(name, value, $"{IntegerRange(minimum, maximum)}, or an array of such");
            }
        }

        return numbers;
    }

    public ModelConfigJson? OptionalObject(string name)
    {
        if (Field(name) is not JsonElement value)
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Object ? new(Path, $"{_prefix}{name}.", value) : throw Invalid(name, value, "an object");
    }

    /// <summary>For a condition that involves more than one field.</summary>
    public void Require(bool condition, string name, string expectation)
    {
        if (!condition)
        {
            throw Field(name) is JsonElement value ? Invalid(name, value, expectation) : Missing(name, expectation);
        }
    }

    /// <summary>For a value that means something, which this version does not do.</summary>
    public void RequireSupported(bool condition, string name, string supported)
    {
        if (!condition)
        {
            throw Unsupported(name, supported);
        }
    }

    public UnsupportedModelException Unsupported(string name, string supported)
    {
        string found = Field(name) is JsonElement value ? JsonFile.Show(value) : "missing";
        return new UnsupportedModelException(Path, $"field '{_prefix}{name}' is {found}; supported: {supported}.");
    }

    private JsonElement? Field(string name)
        => _object.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static string? Text(JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null; // An escape that is half a surrogate pair.
        }
    }

    private ModelFormatException Missing(string name, string expectation)
        => new(Path, $"field '{_prefix}{name}' is missing; expected {expectation}.");

    private ModelFormatException Invalid(string name, JsonElement value, string expectation)
        => new(Path, $"field '{_prefix}{name}' is {JsonFile.Show(value)}; expected {expectation}.");

    private static string IntegerRange(int minimum, int maximum)
        => string.Create(CultureInfo.InvariantCulture, $"an integer from {minimum} to {maximum}");

    private static string NumberRange(double minimum, double maximum)
        => string.Create(CultureInfo.InvariantCulture, $"a number from {minimum} to {maximum}");
}
