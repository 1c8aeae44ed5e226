using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>
/// Emits void(<see cref="BFloat16Tile"/>*) with vdpbf16ps, which adds to each lane the products of two weights and two activations.
/// A block's sum is kept in one register a token, because the order of its additions must not depend on how many tokens there are.
/// </summary>
internal sealed class BFloat16Emitter : TokenTileEmitter
{
    private const int PairBytes = PackedLayout.PanelRows * 2 * sizeof(ushort);
    private const int FirstResult = 14;

    // Registers: sums 0-13, results 14-27, and the weights or their scales.
    private static readonly AssemblerRegisterZMM Line = zmm31;

    protected override int MaxTokens => 14;

    protected override int TokensField => Field(nameof(BFloat16Tile.Tokens));

    protected override int WeightsField => Field(nameof(BFloat16Tile.Weights));

    protected override TokenStream[] Streams { get; } =
    [
        new(Field(nameof(BFloat16Tile.X)), Field(nameof(BFloat16Tile.XStride)), sizeof(ushort)),
        new(Field(nameof(BFloat16Tile.Y)), Field(nameof(BFloat16Tile.YStride)), sizeof(float)),
    ];

    protected override void EmitConstants()
    {
    }

    protected override void EmitBody(int tokens)
    {
        ForResults(tokens, t => Code.vmovups(Zmm(FirstResult + t), __zmmword_ptr[rdx]));
        Code.mov(rbx, __qword_ptr[Tile + Field(nameof(BFloat16Tile.Scales))]);
        Code.mov(ebp, __dword_ptr[Tile + Field(nameof(BFloat16Tile.Blocks))]);
        Label block = Code.CreateLabel(), pairs = Code.CreateLabel();
        Code.Label(ref block);
        for (int t = 0; t < tokens; t++)
        {
            Code.vpxord(Zmm(t), Zmm(t), Zmm(t));
        }

        Code.mov(ecx, __dword_ptr[Tile + Field(nameof(BFloat16Tile.Pairs))]);
        Code.Label(ref pairs);
        for (int pair = 0; pair < BFloat16Tile.PairStep; pair++)
        {
            Code.vmovdqu32(Line, __zmmword_ptr[Weights + pair * PairBytes]);
            for (int t = 0; t < tokens; t++)
            {
                Code.vdpbf16ps(Zmm(t), Line, __dword_bcst[X(t, pair * 2 * sizeof(ushort))]);
            }
        }

        Code.add(Weights, BFloat16Tile.PairStep * PairBytes);
        AdvanceX(tokens, BFloat16Tile.PairStep * 2 * sizeof(ushort));
        Code.sub(ecx, BFloat16Tile.PairStep);
        Code.jg(pairs);
        Code.vmovups(Line, __zmmword_ptr[rbx]);
        for (int t = 0; t < tokens; t++)
        {
            Code.vfmadd231ps(Zmm(FirstResult + t), Zmm(t), Line);
        }

        Code.add(rbx, PackedLayout.PanelRows * sizeof(float));
        Code.dec(ebp);
        Code.jg(block);
        ForResults(tokens, t => Code.vmovups(__zmmword_ptr[rdx], Zmm(FirstResult + t)));
    }

    private static int Field(string name) => (int)Marshal.OffsetOf<BFloat16Tile>(name);
}
