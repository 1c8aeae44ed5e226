using System.Text.Json;

namespace DeepSeekEngine.Constraints;

/// <summary>
/// Reads the text of a JSON schema: every schema in it, whether it is referred to or not, so that nothing that is not supported is passed
/// over. Takes no more stack the deeper schemas are nested.
/// </summary>
internal sealed class SchemaReader
{
    /// <summary>How deeply a schema's own arrays and objects may be nested.</summary>
    private const int MaxDepth = 256;

    private const int MaxSubschemas = 20_000;

    private readonly Dictionary<string, Subschema> _byLocation = [];

    private readonly Dictionary<string, Subschema> _byAnchor = [];

    private readonly List<(Subschema From, string Reference)> _references = [];

    private readonly Queue<(Subschema Schema, JsonElement Element)> _unread = [];

    private string _id = "";

    private int _count;

    private SchemaReader()
    {
    }

    /// <summary>Reads a schema.</summary>
    /// <returns>The schema the text as a whole is.</returns>
    /// <exception cref="UnsupportedSchemaException">It is malformed, or has something that is not supported.</exception>
    public static Subschema Read(string text)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = MaxDepth, AllowDuplicateProperties = false });
        }
        catch (JsonException e)
        {
            throw new UnsupportedSchemaException("#", $"The schema is no JSON, repeats a keyword or is nested too deeply: {e.Message}");
        }

        // Scalars of enums are kept, so the document is not disposed: its memory is then the garbage collector's.
        return new SchemaReader().ReadAll(document.RootElement);
    }

    /// <summary>The schema at a place of the document, to be read later.</summary>
    public Subschema Subschema(JsonElement element, string location)
    {
        var schema = Add(location);
        _byLocation.Add(location, schema);
        _unread.Enqueue((schema, element));
        return schema;
    }

    /// <summary>A schema that is nowhere in the document but follows from what is at a place of it.</summary>
    public Subschema Derived(string location) => Add(location);

    public void Refer(Subschema from, string reference) => _references.Add((from, reference));

    public void Anchor(Subschema schema, string anchor)
    {
        if (!_byAnchor.TryAdd(anchor, schema))
        {
            throw new UnsupportedSchemaException($"{schema.Location}/$anchor", $"'{anchor}' is the anchor of another schema, too.");
        }
    }

    /// <summary>Takes note of the document's own address.</summary>
    public void Identify(Subschema schema, string id)
    {
        if (schema.Location != "#")
        {
            throw new UnsupportedSchemaException($"{schema.Location}/$id", "'$id' is supported for the whole schema only.");
        }

        _id = id.TrimEnd('#');
    }

    private Subschema ReadAll(JsonElement element)
    {
        var root = Subschema(element, "#");
        while (_unread.TryDequeue(out var next))
        {
            try
            {
                new KeywordReader(this, next.Schema).Read(next.Element);
            }
            catch (InvalidOperationException)
            {
                throw new UnsupportedSchemaException(next.Schema.Location, "A string has a surrogate without its partner, which no text can have.");
            }
        }

        foreach (var (from, reference) in _references)
        {
            from.Target = Resolve(from, reference);
        }

        return root;
    }

    private Subschema Add(string location)
        => _count < MaxSubschemas
            ? new Subschema(_count++, location)
            : throw new UnsupportedSchemaException(location, $"The schema has more than {MaxSubschemas} schemas and values in it.");

    private Subschema Resolve(Subschema from, string reference)
    {
        var fragmentAt = reference.IndexOf('#', StringComparison.Ordinal);
        var document = fragmentAt < 0 ? reference : reference[..fragmentAt];
        var fragment = fragmentAt < 0 ? "" : Uri.UnescapeDataString(reference[(fragmentAt + 1)..]);
        var found = document.Length == 0 || document == _id
            ? fragment.Length == 0 || fragment[0] == '/'
                ? _byLocation.GetValueOrDefault($"#{fragment}")
                : _byAnchor.GetValueOrDefault(fragment)
            : null;
        return found ?? throw new UnsupportedSchemaException(
            $"{from.Location}/$ref", $"'{reference}' is no schema of this document, and others are not supported.");
    }
}
