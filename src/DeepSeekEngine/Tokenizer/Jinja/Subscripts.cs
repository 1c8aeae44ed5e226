namespace DeepSeekEngine.Tokenizer.Jinja;

/// <summary>Members, indices and slices.</summary>
internal static class Subscripts
{
    public static object? Member(Evaluation evaluation, object? target, string name) => target switch
    {
        Map map => map.TryGet(name, out object? value) ? value : new Undefined(name),
        Namespace space => space.Members.TryGetValue(name, out object? value) ? value : new Undefined(name),
        Loop loop => loop.Member(name),
        Undefined undefined => throw evaluation.Error($"'{undefined.Name}' is undefined and has no '{name}'."),
        _ => new Undefined(name),
    };

    public static object? Index(Evaluation evaluation, object? target, object? index)
    {
        switch (target)
        {
            case Map map when index is PromptText key:
                return TryGet(evaluation, map, key, out object? value) ? value : new Undefined("an item");
            case IReadOnlyList<object?> list when Operations.TryInteger(index, out long at):
                return Resolve(at, list.Count) is int item ? list[item] : new Undefined($"item {at}");
            case PromptText text when Operations.TryInteger(index, out long at):
                CodePoints points = new(evaluation, text);
                return Resolve(at, points.Count) is int point ? points.At(point) : new Undefined($"character {at}");
            case Undefined undefined:
                throw evaluation.Error($"'{undefined.Name}' is undefined and has no items.");
            default:
                return new Undefined("an item");
        }
    }

    /// <summary><c>target[start:stop:step]</c> of a list or a string.</summary>
    public static object Slice(Evaluation evaluation, object? target, object? start, object? stop, object? step)
    {
        long stride = Bound(evaluation, step) ?? 1;
        if (stride == 0)
        {
            throw evaluation.Error("a slice's step is 0.");
        }

        if (target is PromptText text)
        {
            CodePoints points = new(evaluation, text);
            PromptTextBuilder slice = new();
            foreach (int i in Indices(evaluation, points.Count, Bound(evaluation, start), Bound(evaluation, stop), stride))
            {
                slice.Append(points.At(i));
            }

            return slice.ToPromptText();
        }

        if (target is IReadOnlyList<object?> list)
        {
            return Indices(evaluation, list.Count, Bound(evaluation, start), Bound(evaluation, stop), stride).Select(i => list[i]).ToList();
        }

        throw evaluation.Error($"{Operations.Describe(target)} cannot be sliced.");
    }

    /// <summary>Looks a computed key up, which takes as long as the key is.</summary>
    public static bool TryGet(Evaluation evaluation, Map map, PromptText key, out object? value)
    {
        evaluation.Charge(key.Length);
        return map.TryGet(key.Text, out value);
    }

    private static int? Resolve(long index, int count)
    {
        long at = index < 0 ? index + count : index;
        return at >= 0 && at < count ? (int)at : null;
    }

    private static long? Bound(Evaluation evaluation, object? value)
        => value is null ? null
        : Operations.TryInteger(value, out long bound) ? bound
        : throw evaluation.Error($"{Operations.Describe(value)} bounds no slice.");

    private static List<int> Indices(Evaluation evaluation, int count, long? start, long? stop, long stride)
    {
        long first = stride > 0 ? 0 : count - 1;
        long last = stride > 0 ? count : -1;
        long from = start is null
            ? first
            : Math.Clamp(start < 0 ? start.Value + count : start.Value, Math.Min(first, last), Math.Max(first, last));
        long to = stop is null
            ? last
            : Math.Clamp(stop < 0 ? stop.Value + count : stop.Value, Math.Min(first, last), Math.Max(first, last));
        List<int> indices = [];
        stride = Math.Clamp(stride, -count - 1L, count + 1L);
        for (long i = from; stride > 0 ? i < to : i > to; i += stride)
        {
            evaluation.Charge(8);
            indices.Add((int)i);
        }

        return indices;
    }
}
