namespace DeepSeekEngine.Constraints;

/// <summary>
/// The rest of a text whose characters are constrained: up to and with its closing quote where it is a JSON string, whose characters may
/// be written as they are or escaped; or else bare, every character as it is.
/// </summary>
internal sealed record TextState(TextPosition Text, CharacterPart Part, bool IsQuoted) : State
{
    public override bool MayPop => !IsQuoted && Part.Kind is CharacterPartKind.None && Text.MayEnd;

    public override State? Wider => Text is UnusedPosition unused ? this with { Text = unused.Free } : null;

    /// <summary>A JSON string after its opening quote.</summary>
    public static TextState Quoted(TextPosition text) => new(text, default, IsQuoted: true);

    /// <summary>A text that is no JSON string, or no string at all.</summary>
    public static TextState Bare(TextLanguage language) => new(LanguagePosition.StartOf(language), default, IsQuoted: false);

    public override void Step(int symbol, Stepper stepper)
    {
        switch (Part.Kind)
        {
            case CharacterPartKind.None:
                StepFirst(symbol, stepper);
                break;
            case CharacterPartKind.Utf8 when IsContinuation(symbol):
                StepUtf8(Part.WithByte(symbol), stepper);
                break;
            case CharacterPartKind.AnyUtf8 when IsContinuation(symbol):
                StepAnyUtf8(Part with { Left = Part.Left - 1 }, Text, stepper);
                break;
            case CharacterPartKind.Backslash:
                StepEscape(symbol, stepper);
                break;
            case CharacterPartKind.Digits when symbol < 0x80 && char.IsAsciiHexDigit((char)symbol):
                StepDigit(Part.WithDigit((symbol & 0xF) + (symbol > '9' ? 9 : 0)), stepper);
                break;
            case CharacterPartKind.High when symbol == '\\':
                stepper.Become(this with { Part = Part with { Kind = CharacterPartKind.HighBackslash } });
                break;
            case CharacterPartKind.HighBackslash when symbol == 'u':
                stepper.Become(this with { Part = new(CharacterPartKind.Digits, Left: 4, High: Part.High) });
                break;
        }
    }

    private static bool IsContinuation(int symbol) => symbol is >= 0x80 and < 0xC0;

    private void StepFirst(int symbol, Stepper stepper)
    {
        if (IsQuoted && symbol == '"')
        {
            if (Text.MayEnd)
            {
                Text.Close(stepper);
            }
        }
        else if (IsQuoted && symbol == '\\')
        {
            // Every character has an escape, so whatever the text may go on with may follow.
            if (Text.MayContinue)
            {
                stepper.Become(this with { Part = new(CharacterPartKind.Backslash) });
            }
        }
        else if (symbol < 0x80)
        {
            if (!IsQuoted || symbol >= ' ')
            {
                Add(symbol, stepper);
            }
        }
        else if (CharacterPart.OfLead(symbol) is { } part)
        {
            StepUtf8(part, stepper);
        }
    }

    private void StepUtf8(CharacterPart part, Stepper stepper)
    {
        var (first, last) = part.Utf8Range(out var isCut);
        if (part.Left == 0)
        {
            if (first <= last)
            {
                Add(first, stepper);
            }
        }
        else if (first <= last && Text.MayContinueIn(first, last, out var common))
        {
            if (common is null || isCut)
            {
                stepper.Become(this with { Part = part });
            }
            else
            {
                StepAnyUtf8(new(CharacterPartKind.AnyUtf8, Left: part.Left), common, stepper);
            }
        }
    }

    private void StepAnyUtf8(CharacterPart part, TextPosition after, Stepper stepper)
    {
        if (part.Left > 0)
        {
            stepper.Become(this with { Text = after, Part = part });
        }
        else
        {
            Go(after, stepper);
        }
    }

    private void StepEscape(int symbol, Stepper stepper)
    {
        if (symbol == 'u')
        {
            stepper.Become(this with { Part = new(CharacterPartKind.Digits, Left: 4) });
            return;
        }

        int? scalar = symbol switch
        {
            '"' or '\\' or '/' => symbol,
            'b' => '\b',
            'f' => '\f',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            _ => null,
        };
        if (scalar is { } escaped)
        {
            Add(escaped, stepper);
        }
    }

    private void StepDigit(CharacterPart part, Stepper stepper)
    {
        if (!part.MayBecomeEscapeOf(Text))
        {
            return;
        }

        if (part.Left > 0)
        {
            stepper.Become(this with { Part = part });
        }
        else if (part.IsHighSurrogate)
        {
            stepper.Become(this with { Part = new(CharacterPartKind.High, High: part.Value) });
        }
        else
        {
            Add(part.EscapedScalar, stepper);
        }
    }

    private void Add(int scalar, Stepper stepper)
    {
        if (Text.Next(scalar) is { } next)
        {
            Go(next, stepper);
        }
    }

    private void Go(TextPosition next, Stepper stepper)
    {
        if (!IsQuoted && !next.MayContinue)
        {
            next.Close(stepper);
        }
        else if (ReferenceEquals(next, Text) && Part.Kind is CharacterPartKind.None)
        {
            stepper.Become(this);
        }
        else
        {
            stepper.Become(new TextState(next, default, IsQuoted));
        }
    }
}
