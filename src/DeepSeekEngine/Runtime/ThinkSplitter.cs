using System.Buffers;

namespace DeepSeekEngine.Runtime;

/// <summary>
/// Separates the reasoning of a streamed response from its answer. A response is
/// <c>space* &lt;think&gt; newline* reasoning newline* &lt;/think&gt; newline* answer</c>, or an answer alone; one whose prompt ends in the
/// opening tag lacks what comes before its first newline*. Reasoning ends at the first closing tag, or with the response. The tags, the
/// space before and the newlines beside them belong to neither part; every other character is in one of them, unchanged. An answer alone
/// keeps its leading space, and a tag within the answer, or an opening one within the reasoning, is text.
/// </summary>
/// <remarks>
/// Space is what <see cref="char.IsWhiteSpace(char)"/> says, a newline is \n or \r. Text that may still become a tag, or a newline that may
/// still precede one, is held back. The same text gives the same parts, whatever pieces it comes in.
/// </remarks>
internal sealed class ThinkSplitter
{
    public const string OpeningTag = "<think>";
    public const string ClosingTag = "</think>";

    private readonly ArrayBufferWriter<char> _reasoning = new();
    private readonly ArrayBufferWriter<char> _answer = new();

    /// <summary>What precedes a possible tag (space, or newlines) and the characters of it there are so far.</summary>
    private readonly ArrayBufferWriter<char> _held = new();

    private readonly bool _readsTags;
    private State _state;
    private int _tagLength;

    /// <param name="startsInReasoning">Whether the prompt ends in the opening tag, with or without newlines after it.</param>
    /// <param name="readsTags">
    /// Whether tags are what the text says; else it is told of them, by <see cref="BeginReasoning"/> and <see cref="BeginAnswer"/>, and all
    /// text is text.
    /// </param>
    public ThinkSplitter(bool startsInReasoning, bool readsTags = true)
    {
        _readsTags = readsTags;
        _state = startsInReasoning ? State.AfterOpeningTag : State.Undecided;
    }

    private enum State
    {
        Undecided,
        AfterOpeningTag,
        Reasoning,
        AfterClosingTag,
        Answer,
    }

    /// <summary>Whether the reasoning was opened and not yet closed.</summary>
    public bool InReasoning => _state is State.AfterOpeningTag or State.Reasoning;

    /// <summary>What the last call added to the reasoning; it precedes <see cref="Answer"/>. Valid until the next call.</summary>
    public ReadOnlySpan<char> Reasoning => _reasoning.WrittenSpan;

    /// <summary>What the last call added to the answer. Valid until the next call.</summary>
    public ReadOnlySpan<char> Answer => _answer.WrittenSpan;

    /// <summary>The reasoning was opened, if not before.</summary>
    public void BeginReasoning() => _state = _state is State.Undecided ? State.AfterOpeningTag : _state;

    /// <summary>The reasoning, if there is one, was closed, and what follows belongs to the answer to the last character.</summary>
    public void BeginAnswer()
    {
        Append([]);
        if (_state is State.Undecided)
        {
            Release(_answer);
        }

        _held.ResetWrittenCount();
        _tagLength = 0;
        _state = State.Answer;
    }

    /// <summary>Appends to the response.</summary>
    public void Append(ReadOnlySpan<char> text)
    {
        _reasoning.ResetWrittenCount();
        _answer.ResetWrittenCount();
        while (!text.IsEmpty)
        {
            text = text[Consume(text)..];
        }
    }

    /// <summary>Ends the response: what was held back is text. Without a closing tag there is no answer.</summary>
    public void Complete()
    {
        _reasoning.ResetWrittenCount();
        _answer.ResetWrittenCount();
        Release(_state == State.Reasoning ? _reasoning : _answer);
    }

    /// <summary>Consumes the beginning of a text and returns its length, which is 0 where only the state changes.</summary>
    private int Consume(ReadOnlySpan<char> text)
    {
        char first = text[0];
        switch (_state)
        {
            case State.Undecided:
                if (IsHeld(first, OpeningTag, char.IsWhiteSpace(first)))
                {
                    return Hold(first, OpeningTag, State.AfterOpeningTag);
                }

                Release(_answer);
                _state = State.Answer;
                return 0;

            case State.AfterOpeningTag or State.AfterClosingTag:
                if (IsNewline(first))
                {
                    return 1;
                }

                _state = _state == State.AfterOpeningTag ? State.Reasoning : State.Answer;
                return 0;

            case State.Reasoning:
                if (IsHeld(first, ClosingTag, IsNewline(first)))
                {
                    return Hold(first, ClosingTag, State.AfterClosingTag);
                }

                // Anew with this character, which may begin a tag, or run of newlines, of its own.
                if (_held.WrittenCount > 0)
                {
                    Release(_reasoning);
                    return 0;
                }

                int length = text.IndexOfAny('<', '\n', '\r');
                length = length < 0 ? text.Length : length;
                _reasoning.Write(text[..length]);
                return length;

            default:
                _answer.Write(text);
                return text.Length;
        }
    }

    private static bool IsNewline(char c) => c is '\n' or '\r';

    /// <summary>Whether a character continues the tag, or the space or newlines before it.</summary>
    private bool IsHeld(char c, string tag, bool isSpace) => (_readsTags && c == tag[_tagLength]) || (isSpace && _tagLength == 0);

    private int Hold(char c, string tag, State next)
    {
        _held.Write([c]);
        _tagLength += _readsTags && c == tag[_tagLength] ? 1 : 0;
        if (_tagLength == tag.Length)
        {
            _held.ResetWrittenCount();
            _tagLength = 0;
            _state = next;
        }

        return 1;
    }

    private void Release(ArrayBufferWriter<char> part)
    {
        part.Write(_held.WrittenSpan);
        _held.ResetWrittenCount();
        _tagLength = 0;
    }
}
