using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace ChatServer;

/// <summary>Reads the body of a request, and what in it can be one thing or another.</summary>
internal static class RequestBody
{
    private const string NotAnObject = "The body must be a JSON object.";

    /// <exception cref="ApiException">It is not JSON, or not what the type says.</exception>
    public static async Task<T> ReadAsync<T>(HttpRequest request, JsonTypeInfo<T> type, CancellationToken cancellationToken)
        where T : class
    {
        // Any page may send a text to this machine, but only its own ones JSON.
        if (!request.HasJsonContentType())
        {
            throw new ApiException(StatusCodes.Status415UnsupportedMediaType, "The body must be of the type application/json.");
        }

        try
        {
            return await request.ReadFromJsonAsync(type, cancellationToken) ?? throw ApiException.BadRequest(NotAnObject, null, "invalid_type");
        }
        catch (JsonException exception)
        {
            var path = exception.Path?.TrimStart('$', '.');

            // The reader's own exception is within the serializer's where it is the text that is wrong, and not a value in it.
            throw exception.InnerException is JsonException
                ? ApiException.BadRequest(
                    $"The body is not JSON that can be read: line {exception.LineNumber + 1}, byte {exception.BytePositionInLine}.", null,
                    "invalid_json")
                : ApiException.BadRequest(
                    string.IsNullOrEmpty(path) ? NotAnObject : $"'{path}' is not of the type it must be, or it is there twice.", path,
                    "invalid_type");
        }
    }

    /// <summary>The text an element is.</summary>
    /// <param name="element">The element.</param>
    /// <param name="param">Where it is.</param>
    /// <exception cref="ApiException">It is none.</exception>
    public static string Text(JsonElement element, string param)
    {
        try
        {
            return element.ValueKind is JsonValueKind.String
                ? element.GetString()!
                : throw ApiException.BadRequest($"'{param}' must be a text.", param, "invalid_type");
        }
        catch (InvalidOperationException)
        {
            throw ApiException.BadRequest($"'{param}' has half a surrogate pair, which is no character.", param);
        }
    }

    /// <summary>A member of the object an element is.</summary>
    /// <inheritdoc cref="Text"/>
    public static JsonElement Member(JsonElement element, string name, string param)
        => element.ValueKind is JsonValueKind.Object && element.TryGetProperty(name, out var member)
            ? member
            : throw ApiException.BadRequest($"'{param}' must be an object with '{name}'.", param, "invalid_type");

    /// <summary>Whether a field says nothing, so that it does not matter whether it is known.</summary>
    private static bool IsEmpty(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => true,
        JsonValueKind.Array => element.GetArrayLength() == 0,
        JsonValueKind.Object => element.GetPropertyCount() == 0,
        _ => false,
    };

    /// <summary>Refuses fields that would change the response if they were known.</summary>
    /// <param name="others">Fields that are not known.</param>
    /// <param name="harmless">Names of those that may be passed over.</param>
    /// <param name="prefix">Where they are.</param>
    /// <exception cref="ApiException">There is one.</exception>
    public static void RefuseUnknown(IReadOnlyDictionary<string, JsonElement>? others, IReadOnlySet<string> harmless, string prefix = "")
    {
        foreach (var (name, value) in others ?? new Dictionary<string, JsonElement>())
        {
            if (!harmless.Contains(name) && !IsEmpty(value))
            {
                throw ApiException.NotSupported(prefix + name);
            }
        }
    }
}
