using System.Text.Json.Nodes;

namespace DeepSeekEngine.Tests.Constraints;

/// <summary>Random schemas of every keyword that is supported. Not all of them are satisfied by something.</summary>
internal sealed class SchemaGenerator(int seed)
{
    /// <summary>Names that a test needs to know, because an answer has to have them.</summary>
    public static readonly string[] Names = ["a", "ab", "id", "name", "type", "x-y", "élan", "next", "items", "k\"q", "😀"];

    private static readonly string[] s_patterns =
        ["^[a-z]+$", "b", "^a.c$", "^(yes|no)$", "^\\d{3}-\\d{4}$", "[^x]", "^\\w+ \\w+$", "é|ü", "^[α-ω]{1,3}$", "^x?y*z+$", "\\n", "^.{2}$"];

    private static readonly string[] s_formats = ["date", "time", "date-time", "email", "hostname", "ipv4", "uuid"];

    private readonly Random _random = new(seed);

    public string Schema()
    {
        var root = Any(3);
        root["$schema"] = "https://json-schema.org/draft/2020-12/schema";
        root["$defs"] = new JsonObject
        {
            ["scalar"] = Scalar(),
            ["list"] = new JsonObject
            {
                ["type"] = "object",
                ["properties"] = new JsonObject { ["id"] = Scalar(), ["next"] = new JsonObject { ["$ref"] = "#/$defs/list" } },
                ["required"] = new JsonArray("id"),
                ["additionalProperties"] = _random.Next(2) == 0,
            },
            ["tree"] = new JsonObject
            {
                ["$anchor"] = "tree",
                ["type"] = new JsonArray("array", "integer"),
                ["items"] = new JsonObject { ["$ref"] = "#tree" },
                ["minItems"] = _random.Next(2),
            },
            ["some"] = Any(1),
        };
        return root.ToJsonString();
    }

    private JsonObject Any(int depth) => (depth == 0 ? _random.Next(4) : _random.Next(12)) switch
    {
        0 or 1 => Scalar(),
        2 => new JsonObject { ["$ref"] = Pick("#/$defs/scalar", "#/$defs/list", "#/$defs/tree", "#tree") },
        3 => Enumerated(),
        4 or 5 => Array(depth),
        6 => new JsonObject { ["anyOf"] = new JsonArray(Any(depth - 1), Any(depth - 1), Any(depth - 1)) },
        7 => OneOf(depth),
        8 => AllOf(depth),
        _ => Object(depth),
    };

    private JsonObject Scalar() => _random.Next(5) switch
    {
        0 => Number(),
        1 => new JsonObject { ["type"] = Pick("boolean", "null") },
        2 => new JsonObject { ["type"] = new JsonArray(Pick("string", "null"), Pick("integer", "boolean"), "number") },
        _ => String(),
    };

    private JsonObject String()
    {
        var schema = new JsonObject { ["type"] = "string" };
        switch (_random.Next(5))
        {
            case 0:
                schema["pattern"] = Pick(s_patterns);
                break;
            case 1:
                schema["format"] = Pick(s_formats);
                break;
            case 2:
                schema["minLength"] = _random.Next(4);
                break;
        }

        if (_random.Next(4) == 0)
        {
            schema["maxLength"] = _random.Next(3, 30);
        }

        return schema;
    }

    private JsonObject Number()
    {
        var schema = new JsonObject { ["type"] = Pick("integer", "number") };
        var low = _random.Next(-120, 120) / (_random.Next(2) == 0 ? 1m : 4m);
        if (_random.Next(2) == 0)
        {
            schema[Pick("minimum", "exclusiveMinimum")] = low;
        }

        if (_random.Next(2) == 0)
        {
            schema[Pick("maximum", "exclusiveMaximum")] = low + _random.Next(1, 200) / (_random.Next(2) == 0 ? 1m : 8m);
        }

        if (_random.Next(4) == 0)
        {
            schema["multipleOf"] = _random.Next(2) == 0 ? _random.Next(1, 20) : 0.01m;
        }

        return schema;
    }

    private JsonObject Enumerated() => _random.Next(4) switch
    {
        0 => new JsonObject { ["const"] = Value(2) },
        1 => new JsonObject { ["enum"] = new JsonArray(Value(0), Value(1), Value(2), Value(0)) },
        2 => new JsonObject { ["enum"] = new JsonArray("red", "green", "re", "", "\"quoted\"\n", "日本"), ["minLength"] = _random.Next(3) },
        _ => new JsonObject { ["type"] = "number", ["enum"] = new JsonArray(1, 2.5, -3, 100000, 12, "no number"), ["maximum"] = _random.Next(4, 14) },
    };

    private JsonNode? Value(int depth) => _random.Next(depth == 0 ? 4 : 6) switch
    {
        0 => null,
        1 => JsonValue.Create(_random.Next(2) == 0),
        2 => JsonValue.Create(_random.Next(-50, 50) / 4m),
        3 => JsonValue.Create(Pick(Names)),
        4 => new JsonArray([.. Enumerable.Range(0, _random.Next(3)).Select(_ => Value(depth - 1))]),
        _ => new JsonObject(Some(2).Select(name => KeyValuePair.Create(name, Value(depth - 1)))),
    };

    private JsonObject Array(int depth)
    {
        var schema = new JsonObject { ["type"] = "array" };
        if (_random.Next(4) > 0)
        {
            schema["items"] = _random.Next(8) == 0 ? JsonValue.Create(_random.Next(2) == 0) : Any(depth - 1);
        }

        if (_random.Next(4) == 0)
        {
            schema["prefixItems"] = new JsonArray(Any(depth - 1), Any(depth - 1));
        }

        var min = _random.Next(3);
        if (_random.Next(2) == 0)
        {
            schema["minItems"] = min;
        }

        if (_random.Next(2) == 0)
        {
            schema["maxItems"] = min + _random.Next(3);
        }

        return schema;
    }

    private JsonObject Object(int depth)
    {
        var schema = new JsonObject { ["type"] = "object" };
        var names = Some(_random.Next(5));
        if (names.Length > 0)
        {
            schema["properties"] = new JsonObject(names.Select(name => KeyValuePair.Create(name, (JsonNode?)Any(depth - 1))));
            schema["required"] = new JsonArray([.. names.Where(_ => _random.Next(2) == 0).Select(name => (JsonNode)name)]);
        }

        switch (_random.Next(5))
        {
            case 0:
                schema["additionalProperties"] = false;
                break;
            case 1:
                schema["additionalProperties"] = Any(depth - 1);
                break;
        }

        if (_random.Next(4) == 0)
        {
            schema["patternProperties"] = new JsonObject { [Pick("^[a-m]", "y$")] = Scalar(), [Pick("^x-", "[0-9]")] = Any(depth - 1) };
        }

        if (_random.Next(6) == 0)
        {
            schema["propertyNames"] = new JsonObject { [Pick("maxLength", "minLength")] = 2 };
        }

        var min = _random.Next(3);
        if (_random.Next(4) == 0)
        {
            schema["minProperties"] = min;
        }

        if (_random.Next(4) == 0)
        {
            schema["maxProperties"] = min + _random.Next(4);
        }

        return schema;
    }

    /// <summary>Objects that a constant tells apart, some of which say so only beside the oneOf.</summary>
    private JsonObject OneOf(int depth)
    {
        var alternatives = new JsonArray([.. Some(3).Select(JsonNode (name) => new JsonObject
        {
            ["properties"] = new JsonObject { ["type"] = new JsonObject { ["const"] = name }, ["name"] = Any(depth - 1) },
        })]);
        return new JsonObject { ["type"] = "object", ["required"] = new JsonArray("type"), ["oneOf"] = alternatives };
    }

    private JsonObject AllOf(int depth)
        => new() { ["allOf"] = new JsonArray(Any(depth - 1), new JsonObject { ["anyOf"] = new JsonArray(Any(depth - 1), Object(1), String()) }) };

    private string[] Some(int count)
    {
        string[] names = [.. Names];
        _random.Shuffle(names);
        return names[..count];
    }

    private string Pick(params string[] from) => from[_random.Next(from.Length)];
}
