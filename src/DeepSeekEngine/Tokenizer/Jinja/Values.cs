namespace DeepSeekEngine.Tokenizer.Jinja;

// A value is null (Jinja's none), bool, long, double, PromptText, IReadOnlyList<object?>, Map, Namespace, Macro, Builtin, Loop or
// Undefined.

/// <summary>
/// What a name stands for that nothing was assigned to, an absent key, an index out of range: prints as nothing and holds nothing.
/// </summary>
internal sealed record Undefined(string Name);

/// <summary>A dictionary with text keys, in the order they were added.</summary>
internal sealed class Map
{
    private readonly Dictionary<string, int> _indices = new(StringComparer.Ordinal);

    private readonly List<(PromptText Key, object? Value)> _entries = [];

    public IReadOnlyList<(PromptText Key, object? Value)> Entries => _entries;

    public object? this[string key]
    {
        set => Set(PromptText.Trusted(key), value);
    }

    public bool TryGet(string key, out object? value)
    {
        bool found = _indices.TryGetValue(key, out int index);
        value = found ? _entries[index].Value : null;
        return found;
    }

    public void Set(PromptText key, object? value)
    {
        if (_indices.TryGetValue(key.Text, out int index))
        {
            _entries[index] = (_entries[index].Key, value);
        }
        else
        {
            _indices.Add(key.Text, _entries.Count);
            _entries.Add((key, value));
        }
    }
}

/// <summary>The one thing templates can assign to from within a loop: <c>namespace(name=value)</c>.</summary>
internal sealed class Namespace
{
    public Dictionary<string, object?> Members { get; } = new(StringComparer.Ordinal);
}

/// <summary>A macro and the variables it sees.</summary>
internal sealed record Macro(MacroStatement Definition, Scope Scope);

/// <summary>A function every template has.</summary>
internal sealed record Builtin(Func<Evaluation, CallArguments, object?> Invoke);

/// <summary>What <c>loop</c> is inside a for loop.</summary>
internal sealed record Loop(IReadOnlyList<object?> Items, int Index)
{
    public object? Member(string name) => name switch
    {
        "index" => Index + 1L,
        "index0" => (long)Index,
        "revindex" => (long)Items.Count - Index,
        "revindex0" => Items.Count - Index - 1L,
        "first" => Index == 0,
        "last" => Index == Items.Count - 1,
        "length" => (long)Items.Count,
        "previtem" => Index > 0 ? Items[Index - 1] : new Undefined("loop.previtem"),
        "nextitem" => Index < Items.Count - 1 ? Items[Index + 1] : new Undefined("loop.nextitem"),
        _ => new Undefined($"loop.{name}"),
    };
}

/// <summary>The variables of the template, a loop's body, a macro or a block, and those around it.</summary>
internal sealed class Scope(Scope? outer)
{
    private readonly Dictionary<string, object?> _variables = new(StringComparer.Ordinal);

    public object? Get(string name)
    {
        for (Scope? scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope._variables.TryGetValue(name, out object? value))
            {
                return value;
            }
        }

        return new Undefined(name);
    }

    public void Set(string name, object? value) => _variables[name] = value;

    private Scope? Outer { get; } = outer;
}
