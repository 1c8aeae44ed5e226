using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>A field of the tile that points at the first token's elements, and the field that says how many elements apart tokens are.</summary>
internal readonly record struct TokenStream(int Pointer, int Stride, int ElementBytes);

/// <summary>
/// Emits void(Tile*): 16 rows of weights, a lane each, times any number of tokens. As many tokens as registers hold are computed
/// together by code that is unrolled for exactly their number; there is a body for every number, so that none is wasted.
/// </summary>
internal abstract class TokenTileEmitter : FunctionEmitter
{
    /// <summary>Tokens that are still fewer than those of one group of eight and its base register can address.</summary>
    private const int MaxAddressable = 16;

    /// <summary>The current token group's pointers, in the order of <see cref="Streams"/>, then the tokens that are left.</summary>
    private int RemainingSlot => 8 * Streams.Length;

    protected override int SlotBytes => 8 * (Streams.Length + 1);

    // Registers every body finds set. X's tokens 0-7 lie at multiples of the stride from the first base, 8-15 from the second.
    protected static AssemblerRegister64 Tile => Argument;

    protected static AssemblerRegister64 Weights => rsi;

    protected static AssemblerRegister64 X0 => r8;

    protected static AssemblerRegister64 X8 => r9;

    /// <summary>Bytes from one token's activations to the next's.</summary>
    protected static AssemblerRegister64 XStep => XSteps.One;

    private static Multiples XSteps { get; } = new(r11, r12, r13, r14);

    /// <summary>Tokens computed together at most.</summary>
    protected abstract int MaxTokens { get; }

    protected abstract int TokensField { get; }

    protected abstract int WeightsField { get; }

    /// <summary>The activations first, the results last.</summary>
    protected abstract TokenStream[] Streams { get; }

    protected override void EmitFunction()
    {
        if (MaxTokens > MaxAddressable)
        {
            throw new InvalidOperationException("Two base registers address 16 tokens.");
        }

        Label next = Code.CreateLabel(), some = Code.CreateLabel(), take = Code.CreateLabel(), done = Code.CreateLabel();
        Code.mov(XStep, __qword_ptr[Tile + Streams[0].Stride]);
        Scale(XStep, Streams[0].ElementBytes);
        XSteps.Load(Code);
        for (int i = 0; i < Streams.Length; i++)
        {
            Code.mov(rax, __qword_ptr[Tile + Streams[i].Pointer]);
            Code.mov(__qword_ptr[rsp + 8 * i], rax);
        }

        Code.mov(eax, __dword_ptr[Tile + TokensField]);
        Code.mov(__qword_ptr[rsp + RemainingSlot], rax);
        EmitConstants();

        // Between one and two groups are halved: a few tokens alone would read the weights for little.
        Code.Label(ref next);
        Code.mov(rax, __qword_ptr[rsp + RemainingSlot]);
        Code.test(rax, rax);
        Code.jle(done);
        Code.mov(rcx, rax);
        Code.cmp(rax, MaxTokens);
        Code.jle(take);
        Code.cmp(rax, 2 * MaxTokens);
        Code.jge(some);
        Code.inc(rcx);
        Code.shr(rcx, 1);
        Code.jmp(take);
        Code.Label(ref some);
        Code.mov(ecx, MaxTokens);
        Code.Label(ref take);
        Code.sub(rax, rcx);
        Code.mov(__qword_ptr[rsp + RemainingSlot], rax);
        Code.mov(X0, __qword_ptr[rsp]);
        Code.lea(X8, __[X0 + XStep * 8]);
        Code.mov(Weights, __qword_ptr[Tile + WeightsField]);
        var bodies = new Label[MaxTokens + 1];
        for (int tokens = 1; tokens < MaxTokens; tokens++)
        {
            bodies[tokens] = Code.CreateLabel();
            Code.cmp(ecx, tokens);
            Code.je(bodies[tokens]);
        }

        for (int tokens = MaxTokens; tokens > 0; tokens--)
        {
            if (tokens < MaxTokens)
            {
                Code.Label(ref bodies[tokens]);
            }

            EmitBody(tokens);
            Advance(tokens);
            Code.jmp(next);
        }

        Code.Label(ref done);
    }

    /// <summary>What the bodies find in registers besides; rax is free.</summary>
    protected abstract void EmitConstants();

    /// <summary>All blocks of the panel times this many tokens.</summary>
    protected abstract void EmitBody(int tokens);

    /// <summary>Where x[token] lies, so many bytes on.</summary>
    protected static AssemblerMemoryOperand X(int token, int bytes) => XSteps.At(token < 8 ? X0 : X8, token % 8, bytes);

    /// <summary>Moves on along X's columns.</summary>
    protected void AdvanceX(int tokens, int bytes)
    {
        Code.add(X0, bytes);
        if (tokens > 8)
        {
            Code.add(X8, bytes);
        }
    }

    /// <summary>register = the pointer to the current tokens' elements of a stream.</summary>
    protected void LoadPointer(AssemblerRegister64 register, int stream) => Code.mov(register, __qword_ptr[rsp + 8 * stream]);

    /// <summary>register = the bytes from one token to the next in a stream.</summary>
    protected void LoadStride(AssemblerRegister64 register, int stream)
    {
        Code.mov(register, __qword_ptr[Tile + Streams[stream].Stride]);
        Scale(register, Streams[stream].ElementBytes);
    }

    /// <summary>For every token, with rdx where its results lie.</summary>
    protected void ForResults(int tokens, Action<int> token)
    {
        LoadPointer(rdx, Streams.Length - 1);
        LoadStride(rax, Streams.Length - 1);
        for (int t = 0; t < tokens; t++)
        {
            token(t);
            if (t + 1 < tokens)
            {
                Code.add(rdx, rax);
            }
        }
    }

    private void Advance(int tokens)
    {
        for (int i = 0; i < Streams.Length; i++)
        {
            LoadStride(rax, i);
            Code.imul(rax, rax, tokens);
            Code.add(__qword_ptr[rsp + 8 * i], rax);
        }
    }

    private void Scale(AssemblerRegister64 register, int elementBytes)
    {
        if (elementBytes > 1)
        {
            Code.shl(register, (byte)int.Log2(elementBytes));
        }
    }
}
