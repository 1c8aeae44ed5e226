namespace DeepSeekEngine.Constraints;

/// <summary>A JSON value, none of which is read yet.</summary>
/// <param name="Node">Which values.</param>
/// <param name="Depth">How deeply it may be nested, itself included.</param>
internal sealed record ValueState(ValueNode Node, int Depth) : State
{
    private static readonly Dictionary<string, LiteralState> s_keywords
        = new[] { "null", "true", "false" }.ToDictionary(keyword => keyword, keyword => new LiteralState([.. keyword.Select(c => (byte)c)], 0));

    public override void Step(int symbol, Stepper stepper)
    {
        foreach (var shape in Node.Shapes)
        {
            Step(shape, symbol, stepper);
        }
    }

    private void Step(ValueShape shape, int symbol, Stepper stepper)
    {
        switch (symbol)
        {
            case '"' when shape.Strings is { } strings:
                stepper.Become(TextState.Quoted(LanguagePosition.StartOf(strings)));
                break;
            case '{' when shape.Objects is { } objects && objects.MinDepth <= Depth:
                stepper.Become(ObjectState.Start(objects, Depth - 1), WhitespaceState.LineAtDepth(Depth - 1));
                break;
            case '[' when shape.Arrays is { } arrays && arrays.MinDepth <= Depth:
                stepper.Become(new ArrayState(arrays, Depth - 1, Count: 0, IsStart: true), WhitespaceState.LineAtDepth(Depth - 1));
                break;
            case '-' or (>= '0' and <= '9') when shape.Numbers is { } numbers:
                stepper.Descend(TextState.Bare(numbers));
                break;
            case 'n' or 't' or 'f':
                foreach (var keyword in shape.Keywords)
                {
                    stepper.Descend(s_keywords[keyword]);
                }

                break;
        }
    }
}
