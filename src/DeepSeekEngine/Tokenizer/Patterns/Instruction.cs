namespace DeepSeekEngine.Tokenizer.Patterns;

internal enum Operation
{
    /// <summary>The match is complete.</summary>
    Accept,

    /// <summary>Consumes one code point of the class.</summary>
    Character,

    /// <summary>Consumes as many code points of the class as there are, between Min and Max.</summary>
    Loop,

    /// <summary>Goes on with the next instruction and, if that fails, at Target.</summary>
    Split,

    /// <summary>Goes on at Target.</summary>
    Jump,

    /// <summary>Goes on where a line begins.</summary>
    LineStart,

    /// <summary>Goes on where a line ends.</summary>
    LineEnd,

    /// <summary>Goes on at Target if what follows, up to its Accept, matches here.</summary>
    Lookahead,

    /// <summary>Goes on at Target if what follows, up to its Accept, does not match here.</summary>
    NegativeLookahead,
}

/// <summary>A step of a compiled pattern.</summary>
internal readonly record struct Instruction(Operation Operation)
{
    /// <summary>What a character or loop consumes; null for the others.</summary>
    public CharacterClass? Class { get; init; }

    /// <summary>Another instruction.</summary>
    public int Target { get; init; }

    /// <summary>The number of a loop among the loops.</summary>
    public int Loop { get; init; }

    public int Min { get; init; }

    public int Max { get; init; }

    public bool Possessive { get; init; }
}
