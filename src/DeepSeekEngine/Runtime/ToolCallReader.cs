using System.Text;
using DeepSeekEngine.Tokenizer;

namespace DeepSeekEngine.Runtime;

/// <summary>
/// Takes the calls out of a streamed answer. The tokens around calls (<see cref="ToolTokens"/>) say where one begins and ends; between
/// them stands what either <see cref="ToolCallForm"/> has, so a model that takes the other form for its own is understood as well, and
/// one that leaves out or adds a line break or a fence. What is no call comes out as text of the answer, as it was written; the arguments
/// of what is one come out as they were written, without the fence and the space around them.
/// </summary>
/// <remarks>
/// The beginning of a call is held back until its name is complete, and within the arguments what may be the end of the fence, or space at
/// the end. The same tokens give the same calls, whatever pieces the text between them comes in.
/// </remarks>
internal sealed class ToolCallReader(ToolTokens tokens)
{
    private const char Fence = '`';
    private const int FenceLength = 3;
    private const string NoArguments = "{}";

    private readonly List<ToolCallPiece> _pieces = [];

    /// <summary>All that was written since what came out last, before it is known to be a call.</summary>
    private readonly StringBuilder _written = new();

    /// <summary>What stands before the separator: the name, or "function".</summary>
    private readonly StringBuilder _header = new();

    /// <summary>The name, where it follows the separator.</summary>
    private readonly StringBuilder _name = new();

    /// <summary>Characters that belong to the arguments only if more follow.</summary>
    private readonly StringBuilder _held = new();

    private readonly StringBuilder _arguments = new();

    private State _state;
    private ToolCallPart? _call;
    private bool _fenced;
    private bool _hasArguments;

    private enum State
    {
        /// <summary>Text of the answer.</summary>
        Answer,

        /// <summary>Among the calls, but in none.</summary>
        Between,

        /// <summary>Before the separator.</summary>
        Header,

        /// <summary>Between the separator and the end of the name or, where that came first, of the space after it.</summary>
        Name,

        /// <summary>Before the first character of the arguments, or of the fence.</summary>
        OpeningFence,

        /// <summary>The word after the fence.</summary>
        FenceLabel,

        /// <summary>Before the first character of the arguments within the fence.</summary>
        BeforeArguments,

        Arguments,
    }

    /// <summary>Calls whose name is known.</summary>
    public int Calls { get; private set; }

    /// <summary>Whether the model said that there are no more.</summary>
    public bool Ended { get; private set; }

    /// <summary>What the last call of a method brought, in order. Valid until the next.</summary>
    public IReadOnlyList<ToolCallPiece> Pieces => _pieces;

    public bool IsMarker(int token) => tokens.Contains(token);

    /// <summary>Appends text of the answer.</summary>
    public void Append(ReadOnlySpan<char> text)
    {
        _pieces.Clear();
        Read(text);
        FlushArguments();
    }

    /// <summary>Appends one of the tokens around calls.</summary>
    /// <param name="token">Which.</param>
    /// <param name="spelling">Its text, which is what it is where it can be nothing else.</param>
    public void Append(int token, string spelling)
    {
        _pieces.Clear();
        if (token == tokens.CallsBegin)
        {
            EndCall();
            ReleaseUnless(_state is State.Answer or State.Between);
            _written.Append(spelling);
            _state = State.Between;
        }
        else if (token == tokens.CallBegin)
        {
            EndCall();
            ReleaseUnless(_state is State.Answer or State.Between);
            _written.Append(spelling);
            _header.Clear();
            _name.Clear();
            _state = State.Header;
        }
        else if (token == tokens.Separator)
        {
            Separate(spelling);
        }
        else if (token == tokens.CallEnd)
        {
            if (!EndCall())
            {
                Refuse(spelling);
            }
        }
        else
        {
            var inCall = EndCall();
            Ended = Calls > 0;
            if (!inCall && !(Ended && _state is State.Between))
            {
                Refuse(Ended ? "" : spelling);
            }
        }
    }

    /// <summary>Ends the answer. A call whose name is known remains one, with the arguments there are.</summary>
    public void Complete()
    {
        _pieces.Clear();
        if (!InCall && !(Calls > 0 && _state is State.Between))
        {
            Release();
        }
    }

    private bool InCall => _state >= State.OpeningFence;

    private void Read(ReadOnlySpan<char> text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (_state is State.Between && !char.IsWhiteSpace(text[i]))
            {
                _state = State.Answer;
                Release();
            }

            while (_state is not State.Answer && !Take(text[i]))
            {
                // It ended what came before it, and is now looked at as the beginning of what follows.
            }

            if (_state is State.Answer)
            {
                Add(null, text[i..]);
                return;
            }
        }
    }

    /// <returns>Whether the character is part of what the state says; if not, another state has been entered.</returns>
    private bool Take(char c)
    {
        switch (_state)
        {
            case State.Between:
                _written.Append(c);
                return true;

            case State.Header:
                _written.Append(c);
                _header.Append(c);
                return true;

            case State.Name:
                if (c is '{' or Fence || (char.IsWhiteSpace(c) && _name.Length > 0))
                {
                    BeginCall();
                    return false;
                }

                _written.Append(c);
                if (!char.IsWhiteSpace(c))
                {
                    _name.Append(c);
                }

                return true;

            case State.OpeningFence when c is Fence:
                _held.Append(c);
                if (_held.Length == FenceLength)
                {
                    _held.Clear();
                    _fenced = true;
                    _state = State.FenceLabel;
                }

                return true;

            case State.OpeningFence when char.IsWhiteSpace(c) && _held.Length == 0:
                return true;

            case State.FenceLabel when char.IsAsciiLetter(c):
                return true;

            case State.FenceLabel:
                _state = State.BeforeArguments;
                return false;

            case State.BeforeArguments when char.IsWhiteSpace(c):
                return true;

            case State.Arguments when char.IsWhiteSpace(c) || (c is Fence && _fenced):
                if (c is Fence && !MayContinueFence())
                {
                    ReleaseHeld();
                }

                _held.Append(c);
                return true;

            case State.Arguments:
                ReleaseHeld();
                _arguments.Append(c);
                return true;

            default:
                _state = State.Arguments;
                return false;
        }
    }

    /// <summary>Whether what is held is space and less than a whole fence, with nothing after it.</summary>
    private bool MayContinueFence()
    {
        var ticks = 0;
        for (var i = _held.Length - 1; i >= 0 && _held[i] is Fence; i--)
        {
            ticks++;
        }

        for (var i = _held.Length - 1 - ticks; i >= 0; i--)
        {
            if (_held[i] is Fence)
            {
                return false;
            }
        }

        return ticks < FenceLength;
    }

    private void Separate(string spelling)
    {
        switch (_state)
        {
            case State.Header:
                _written.Append(spelling);
                _state = State.Name;
                break;

            // Some write one on either side of the name.
            case State.Name:
                _written.Append(spelling);
                if (_name.Length > 0)
                {
                    BeginCall();
                }

                break;

            case State.Between:
                Refuse(spelling);
                break;

            default:
                Read(spelling);
                FlushArguments();
                break;
        }
    }

    /// <summary>Begins the call whose name is read, if there is one.</summary>
    private void BeginCall()
    {
        var name = (_name.Length > 0 ? _name : _header).ToString().Trim();
        if (name.Length == 0)
        {
            _state = State.Answer;
            Release();
            return;
        }

        // Not of the request's random numbers: the calls of two requests of the same seed have to be told apart as well.
        _call = new ToolCallPart(Calls++, $"call_{Guid.NewGuid():N}", name);
        _pieces.Add(new ToolCallPiece(_call, ""));
        _written.Clear();
        _held.Clear();
        _fenced = false;
        _hasArguments = false;
        _state = State.OpeningFence;
    }

    /// <returns>Whether there was one.</returns>
    private bool EndCall()
    {
        if (_state is State.Name && _name.Length > 0)
        {
            BeginCall();
        }

        if (!InCall)
        {
            return false;
        }

        if (!_hasArguments)
        {
            _pieces.Add(new ToolCallPiece(_call, NoArguments));
        }

        _state = State.Between;
        return true;
    }

    /// <summary>What was taken for the beginning of a call is text after all.</summary>
    private void Refuse(string spelling)
    {
        _written.Append(spelling);
        _state = State.Answer;
        Release();
    }

    private void ReleaseUnless(bool isPending)
    {
        if (!isPending)
        {
            Release();
        }
    }

    private void Release()
    {
        Add(null, _written.ToString());
        _written.Clear();
    }

    private void ReleaseHeld()
    {
        _arguments.Append(_held);
        _held.Clear();
    }

    private void FlushArguments()
    {
        if (_arguments.Length > 0)
        {
            _hasArguments = true;
            Add(_call, _arguments.ToString());
            _arguments.Clear();
        }
    }

    private void Add(ToolCallPart? call, ReadOnlySpan<char> text)
    {
        if (!text.IsEmpty)
        {
            _pieces.Add(new ToolCallPiece(call, text.ToString()));
        }
    }
}

/// <summary>Text of the answer or, where there is a call, of its arguments.</summary>
internal readonly record struct ToolCallPiece(ToolCallPart? Call, string Text);
