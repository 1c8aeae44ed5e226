using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>
/// Addresses the first of several things that lie equally far apart, and the eight after it. An address can multiply the distance by 1, 2, 4
/// and 8; other multiples have registers.
/// </summary>
internal readonly record struct Multiples(
    AssemblerRegister64 One, AssemblerRegister64 Three, AssemblerRegister64 Five, AssemblerRegister64 Seven)
{
    /// <summary>Computes the multiples, the distance being in its register.</summary>
    public void Load(Assembler code)
    {
        LoadThree(code);
        LoadFiveAndSeven(code);
    }

    public void LoadThree(Assembler code) => code.lea(Three, __[One + One * 2]);

    public void LoadFiveAndSeven(Assembler code)
    {
        code.lea(Five, __[One + One * 4]);
        code.lea(Seven, __[Three + One * 4]);
    }

    /// <summary>Where a thing lies, so many bytes on.</summary>
    /// <param name="number">From 0 to 8.</param>
    public AssemblerMemoryOperand At(AssemblerRegister64 first, int number, int bytes = 0) => number switch
    {
        0 => first + bytes,
        1 => first + One + bytes,
        2 => first + One * 2 + bytes,
        3 => first + Three + bytes,
        4 => first + One * 4 + bytes,
        5 => first + Five + bytes,
        6 => first + Three * 2 + bytes,
        7 => first + Seven + bytes,
        8 => first + One * 8 + bytes,
        _ => throw new ArgumentOutOfRangeException(nameof(number), number, "One register and multiples address nine things."),
    };
}
