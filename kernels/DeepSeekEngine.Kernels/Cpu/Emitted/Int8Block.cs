using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>A block of an Int8 panel, as <see cref="PackedLayout"/> says, to emitted code.</summary>
internal static class Int8Block
{
    /// <summary>Sums of activations that a block's is made of.</summary>
    public const int Sums = PackedLayout.Int8BlockColumns / QuantizedRows.SumColumns;

    public const int Steps = PackedLayout.Int8BlockColumns / PackedLayout.StepColumns;

    /// <summary>Bytes before the first step.</summary>
    public const int ScaleBytes = PackedLayout.PanelRows * sizeof(float);

    /// <summary>sum = -128 * the sum of a token's activations in the block, in every lane; eax is lost.</summary>
    public static void LoadBias(Assembler code, AssemblerRegisterZMM sum, AssemblerRegister64 sums)
    {
        code.mov(eax, __dword_ptr[sums]);
        for (int i = 1; i < Sums; i++)
        {
            code.add(eax, __dword_ptr[sums + sizeof(int) * i]);
        }

        code.imul(eax, eax, -PackedLayout.Int8Bias);
        code.vpbroadcastd(sum, eax);
    }
}
