namespace DeepSeekEngine.Tokenizer.Patterns;

/// <summary>
/// Parses the part of Oniguruma's regular expressions that published tokenizers use: literals, escapes, classes, alternation, groups,
/// (?i:...), greedy and possessive repetition, lookahead, ^ and $ (of a line, as in Ruby). The rest is refused rather than guessed at.
/// </summary>
internal sealed class PatternParser
{
    /// <summary>The patterns of DeepSeek-V2 have some 500 characters.</summary>
    private const int MaxLength = 1 << 14;

    private const int MaxDepth = 50;

    /// <summary>As in Oniguruma.</summary>
    private const int MaxRepetitions = 100_000;

    private readonly PatternReader _reader;

    private readonly CharacterParser _characters;

    private PatternParser(PatternSource source)
    {
        _reader = new PatternReader(source);
        _characters = new CharacterParser(_reader);
    }

    /// <exception cref="ModelFormatException">The pattern is no regular expression.</exception>
    /// <exception cref="UnsupportedModelException">The pattern uses something that is not supported.</exception>
    public static PatternNode Parse(PatternSource source)
    {
        if (source.Text.Length > MaxLength)
        {
            throw source.Unsupported($"it has {source.Text.Length} characters, and at most {MaxLength} are");
        }

        PatternParser parser = new(source);
        PatternNode root = parser.ParseAlternation(ignoreCase: false, depth: 0);
        return parser._reader.AtEnd ? root : throw source.Malformed("there is a ')' too many");
    }

    private PatternNode ParseAlternation(bool ignoreCase, int depth)
    {
        if (depth > MaxDepth)
        {
            throw _reader.Source.Unsupported($"its groups are nested more than {MaxDepth} deep");
        }

        List<PatternNode> items = [];
        do
        {
            items.Add(ParseSequence(ignoreCase, depth));
        }
        while (_reader.TryTake("|"));

        return items.Count == 1 ? items[0] : new AlternationNode(items);
    }

    private PatternNode ParseSequence(bool ignoreCase, int depth)
    {
        List<PatternNode> items = [];
        while (!_reader.AtEnd && _reader.Peek() is not ('|' or ')'))
        {
            items.Add(ParseRepetition(ParseAtom(ignoreCase, depth)));
        }

        return items.Count == 1 ? items[0] : new SequenceNode(items);
    }

    private PatternNode ParseAtom(bool ignoreCase, int depth)
    {
        switch (_reader.Peek())
        {
            case '(':
                return ParseGroup(ignoreCase, depth);
            case '^' or '$':
                return new LineBorderNode(End: _reader.Take() == '$');
            case '?' or '*' or '+' or '{':
                throw _reader.Source.Unsupported(
                    $"'{(char)_reader.Peek()}' where there is nothing to repeat, or something already repeated");
            default:
                return _characters.Parse(ignoreCase);
        }
    }

    private PatternNode ParseGroup(bool ignoreCase, int depth)
    {
        _reader.Take();
        bool? negativeLookahead = _reader.TryTake("?!") ? true : _reader.TryTake("?=") ? false : null;
        if (negativeLookahead is null)
        {
            if (_reader.TryTake("?i:"))
            {
                ignoreCase = true;
            }
            else if (!_reader.TryTake("?:") && _reader.Peek() == '?')
            {
                throw _reader.Source.Unsupported("a group that begins with '(?' and is neither (?:...), (?i:...), (?=...) nor (?!...)");
            }
        }

        PatternNode body = ParseAlternation(ignoreCase, depth + 1);
        if (!_reader.TryTake(")"))
        {
            throw _reader.Source.Malformed("a ')' is missing");
        }

        return negativeLookahead is bool negative ? new LookaheadNode(body, negative) : body;
    }

    private PatternNode ParseRepetition(PatternNode item)
    {
        bool braces = false;
        int min = 0;
        int max = RepeatNode.Unlimited;
        switch (_reader.Peek())
        {
            case '?':
                max = 1;
                _reader.Take();
                break;
            case '*':
                _reader.Take();
                break;
            case '+':
                min = 1;
                _reader.Take();
                break;
            case '{':
                braces = true;
                (min, max) = ParseBraces();
                break;
            default:
                return item;
        }

        // After braces a plus repeats the repetition, in Oniguruma, and only elsewhere makes it possessive.
        bool possessive = !braces && _reader.TryTake("+");
        if (possessive && item is not CharacterNode)
        {
            throw _reader.Source.Unsupported("a possessive repetition of more than one character");
        }

        return item.CanBeEmpty
            ? throw _reader.Source.Unsupported("a repetition of what can match nothing")
            : new RepeatNode(item, min, max, possessive);
    }

    private (int Min, int Max) ParseBraces()
    {
        _reader.Take();
        int? min = _reader.TakeNumber();
        int? max = _reader.TryTake(",") ? _reader.TakeNumber() ?? RepeatNode.Unlimited : min;
        if (!_reader.TryTake("}") || min is null)
        {
            throw _reader.Source.Unsupported("'{' that is neither {m}, {m,} nor {m,n}");
        }

        if (min > max)
        {
            throw _reader.Source.Malformed($"the repetition {{{min},{max}}} is upside down");
        }

        return min > MaxRepetitions || (max > MaxRepetitions && max != RepeatNode.Unlimited)
            ? throw _reader.Source.Unsupported($"more than {MaxRepetitions} repetitions")
            : (min.Value, max!.Value);
    }
}
