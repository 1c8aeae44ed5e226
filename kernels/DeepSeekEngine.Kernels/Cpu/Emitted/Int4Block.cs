using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>A block of an Int4 panel, as <see cref="PackedLayout"/> says, to emitted code.</summary>
internal static class Int4Block
{
    public const int LineColumns = 2 * PackedLayout.StepColumns;
    public const int GroupLines = PackedLayout.Int4GroupColumns / LineColumns;
    public const int Groups = PackedLayout.Int4BlockColumns / PackedLayout.Int4GroupColumns;

    /// <summary>Bytes before the first line.</summary>
    public const int ScaleBytes = Groups * GroupScaleBytes;

    private const int GroupScaleBytes = PackedLayout.PanelRows * 2;

    /// <summary>Splits a line into its steps, the first of which is in <paramref name="low"/>.</summary>
    /// <param name="mask">The lower half of every byte.</param>
    public static void Split(Assembler code, AssemblerRegisterZMM low, AssemblerRegisterZMM high, AssemblerRegisterZMM mask)
    {
        code.vpsrld(high, low, 4);
        code.vpandd(low, low, mask);
        code.vpandd(high, high, mask);
    }

    /// <summary>scales = those of a group's rows.</summary>
    public static void LoadScales(Assembler code, AssemblerRegisterZMM scales, AssemblerRegister64 block, int group)
    {
        code.vpmovzxwd(scales, __ymmword_ptr[block + group * GroupScaleBytes]);
        code.vpslld(scales, scales, 16);
    }

    /// <summary>rax = where the first token's scale lies for a block by its number, in ecx.</summary>
    public static void LocateScale(Assembler code, AssemblerRegister64 firstScale)
    {
        // Two blocks share a scale of the activations.
        code.mov(eax, ecx);
        code.shr(eax, 1);
        code.lea(rax, __[firstScale + rax * sizeof(float)]);
    }
}
