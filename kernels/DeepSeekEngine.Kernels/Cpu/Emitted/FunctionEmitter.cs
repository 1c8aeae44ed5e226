using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>How a function finds its argument and what it must leave as it was.</summary>
internal enum NativeAbi
{
    SystemV,
    Windows,
}

/// <summary>Emits void(T*) for some structure T, which the body finds in <see cref="Argument"/>.</summary>
internal abstract class FunctionEmitter
{
    private const int WindowsFirstSavedZmm = 6;
    private const int WindowsSavedZmms = 10;
    private const int XmmBytes = 16;

    private static readonly AssemblerRegister64[] SystemVSaved = [rbx, rbp, r12, r13, r14, r15];
    private static readonly AssemblerRegister64[] WindowsSaved = [.. SystemVSaved, rdi, rsi];

    private static readonly AssemblerRegisterZMM[] Zmms =
    [
        zmm0, zmm1, zmm2, zmm3, zmm4, zmm5, zmm6, zmm7, zmm8, zmm9, zmm10, zmm11, zmm12, zmm13, zmm14, zmm15,
        zmm16, zmm17, zmm18, zmm19, zmm20, zmm21, zmm22, zmm23, zmm24, zmm25, zmm26, zmm27, zmm28, zmm29, zmm30, zmm31,
    ];

    private static readonly AssemblerRegisterYMM[] Ymms =
    [
        ymm0, ymm1, ymm2, ymm3, ymm4, ymm5, ymm6, ymm7, ymm8, ymm9, ymm10, ymm11, ymm12, ymm13, ymm14, ymm15,
        ymm16, ymm17, ymm18, ymm19, ymm20, ymm21, ymm22, ymm23, ymm24, ymm25, ymm26, ymm27, ymm28, ymm29, ymm30, ymm31,
    ];

    private static readonly AssemblerRegisterXMM[] Xmms =
    [
        xmm0, xmm1, xmm2, xmm3, xmm4, xmm5, xmm6, xmm7, xmm8, xmm9, xmm10, xmm11, xmm12, xmm13, xmm14, xmm15,
        xmm16, xmm17, xmm18, xmm19, xmm20, xmm21, xmm22, xmm23, xmm24, xmm25, xmm26, xmm27, xmm28, xmm29, xmm30, xmm31,
    ];

    protected Assembler Code { get; } = new(64);

    protected static AssemblerRegister64 Argument => rdi;

    /// <summary>
    /// Bytes of the stack the body uses, from rsp on: a multiple of 8, and with saved registers less than a page, since Windows wants more
    /// to be touched page by page.
    /// </summary>
    protected virtual int SlotBytes => 0;

    /// <summary>The machine code, which is the same wherever it lies.</summary>
    public byte[] Emit(NativeAbi abi)
    {
        Enter(abi);
        EmitFunction();
        Leave(abi);
        EmitData();
        using var stream = new MemoryStream();
        Code.Assemble(new StreamCodeWriter(stream), 0);
        return stream.ToArray();
    }

    /// <summary>What the function does. It may change all registers but rsp, and falls off its end.</summary>
    protected abstract void EmitFunction();

    /// <summary>Constants behind the code.</summary>
    protected virtual void EmitData()
    {
    }

    protected static AssemblerRegisterZMM Zmm(int number) => Zmms[number];

    protected static AssemblerRegisterYMM Ymm(int number) => Ymms[number];

    protected static AssemblerRegisterXMM Xmm(int number) => Xmms[number];

    private void Enter(NativeAbi abi)
    {
        foreach (AssemblerRegister64 register in Saved(abi))
        {
            Code.push(register);
        }

        Code.sub(rsp, FrameBytes(abi));
        if (abi == NativeAbi.Windows)
        {
            for (int i = 0; i < WindowsSavedZmms; i++)
            {
                Code.vmovdqu(__xmmword_ptr[rsp + SlotBytes + XmmBytes * i], Xmm(WindowsFirstSavedZmm + i));
            }

            Code.mov(Argument, rcx);
        }
    }

    private void Leave(NativeAbi abi)
    {
        // Before the registers are restored: it clears all but their lower 128 bits.
        Code.vzeroupper();
        if (abi == NativeAbi.Windows)
        {
            for (int i = 0; i < WindowsSavedZmms; i++)
            {
                Code.vmovdqu(Xmm(WindowsFirstSavedZmm + i), __xmmword_ptr[rsp + SlotBytes + XmmBytes * i]);
            }
        }

        Code.add(rsp, FrameBytes(abi));
        AssemblerRegister64[] saved = Saved(abi);
        for (int i = saved.Length - 1; i >= 0; i--)
        {
            Code.pop(saved[i]);
        }

        Code.ret();
    }

    private int FrameBytes(NativeAbi abi) => SlotBytes + (abi == NativeAbi.Windows ? WindowsSavedZmms * XmmBytes : 0);

    private static AssemblerRegister64[] Saved(NativeAbi abi) => abi == NativeAbi.Windows ? WindowsSaved : SystemVSaved;
}
