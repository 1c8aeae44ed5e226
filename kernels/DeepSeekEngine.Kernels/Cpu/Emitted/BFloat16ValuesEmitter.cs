using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>
/// Emits void(<see cref="BFloat16ValuesArguments"/>*): 32 columns of up to eight queries at a time, two registers for the sums of each.
/// </summary>
internal sealed class BFloat16ValuesEmitter : FunctionEmitter
{
    private const int TileColumns = BFloat16AttentionBlock.TileColumns;
    private const int TileQueries = 8;
    private const int LineBytes = 64;

    // Registers: sums 0-15, values 16 and 17, weights 18-21.
    private const int FirstValues = 2 * TileQueries, FirstWeights = FirstValues + 2;

    private static readonly Multiples YBytes = new(r8, r9, r10, r11);

    // The columns' values and results; of the queries now, the results and four times the number of the first.
    private static readonly AssemblerRegister64 Values = rdx, Column = r15, Y = rsi, Query = rbx;

    private static readonly AssemblerRegister32 QueriesLeft = r13d, ColumnsLeft = r14d;

    protected override void EmitFunction()
    {
        // Half registers beyond the sixteenth have no shorter encoding.
        Code.PreferVex = false;
        Code.mov(Values, __qword_ptr[Argument + Field(nameof(BFloat16ValuesArguments.Values))]);
        Code.mov(Column, __qword_ptr[Argument + Field(nameof(BFloat16ValuesArguments.Y))]);
        Code.mov(YBytes.One, __qword_ptr[Argument + Field(nameof(BFloat16ValuesArguments.YBytes))]);
        Code.mov(ColumnsLeft, __dword_ptr[Argument + Field(nameof(BFloat16ValuesArguments.Columns))]);
        YBytes.Load(Code);
        Label columns = Code.CreateLabel(), masked = Code.CreateLabel();
        Code.Label(ref columns);

        // A bit for each column there is: k1 of the first 16, k2 of the others.
        Code.mov(eax, -1);
        Code.cmp(ColumnsLeft, TileColumns);
        Code.jge(masked);
        Code.mov(ecx, ColumnsLeft);
        Code.mov(eax, 1);
        Code.shl(eax, cl);
        Code.dec(eax);
        Code.Label(ref masked);
        Code.kmovd(k1, eax);
        Code.kshiftrd(k2, k1, 16);
        Code.mov(Y, Column);
        Code.xor(ebx, ebx);
        Code.mov(QueriesLeft, __dword_ptr[Argument + Field(nameof(BFloat16ValuesArguments.Queries))]);
        Label tile = Code.CreateLabel();
        for (int queries = TileQueries; queries > 0; queries /= 2)
        {
            Label fewer = Code.CreateLabel();
            Code.Label(ref tile);
            Code.cmp(QueriesLeft, queries);
            Code.jl(fewer);
            EmitTile(queries);
            Code.lea(Y, YBytes.At(Y, queries));
            Code.add(Query, queries * sizeof(float));
            Code.sub(QueriesLeft, queries);
            Code.jmp(tile);
            tile = fewer;
        }

        Code.Label(ref tile);
        Code.add(Values, __qword_ptr[Argument + Field(nameof(BFloat16ValuesArguments.ValueBytes))]);
        Code.add(Column, TileColumns * sizeof(float));
        Code.sub(ColumnsLeft, TileColumns);
        Code.jg(columns);
    }

    private void EmitTile(int queries)
    {
        Code.mov(rbp, __qword_ptr[Argument + Field(nameof(BFloat16ValuesArguments.Decay))]);
        for (int i = 0; i < queries; i++)
        {
            Code.vbroadcastss(Zmm(FirstWeights), __dword_ptr[rbp + Query + i * sizeof(float)]);
            Code.vmovups(Zmm(2 * i).k1.z, __zmmword_ptr[YBytes.At(Y, i)]);
            Code.vmovups(Zmm(2 * i + 1).k2.z, __zmmword_ptr[YBytes.At(Y, i, LineBytes)]);
            Code.vmulps(Zmm(2 * i), Zmm(2 * i), Zmm(FirstWeights));
            Code.vmulps(Zmm(2 * i + 1), Zmm(2 * i + 1), Zmm(FirstWeights));
        }

        Code.mov(rax, Values);
        Code.mov(rbp, __qword_ptr[Argument + Field(nameof(BFloat16ValuesArguments.Weights))]);
        Code.add(rbp, Query);
        Code.mov(ecx, __dword_ptr[Argument + Field(nameof(BFloat16ValuesArguments.Pairs))]);
        Label pairs = Code.CreateLabel();
        Code.Label(ref pairs);
        Code.vmovdqu32(Zmm(FirstValues), __zmmword_ptr[rax]);
        Code.vmovdqu32(Zmm(FirstValues + 1), __zmmword_ptr[rax + LineBytes]);
        for (int i = 0; i < queries; i++)
        {
            var weight = Zmm(FirstWeights + i % 4);
            Code.vpbroadcastd(weight, __dword_ptr[rbp + i * sizeof(uint)]);
            Code.vdpbf16ps(Zmm(2 * i), weight, Zmm(FirstValues));
            Code.vdpbf16ps(Zmm(2 * i + 1), weight, Zmm(FirstValues + 1));
        }

        Code.add(rax, TileColumns * sizeof(uint));
        Code.add(rbp, BFloat16AttentionBlock.Queries * sizeof(uint));
        Code.dec(ecx);
        Code.jne(pairs);
        for (int i = 0; i < queries; i++)
        {
            Code.vmovups(__zmmword_ptr[YBytes.At(Y, i)].k1, Zmm(2 * i));
            Code.vmovups(__zmmword_ptr[YBytes.At(Y, i, LineBytes)].k2, Zmm(2 * i + 1));
        }
    }

    private static int Field(string name) => (int)Marshal.OffsetOf<BFloat16ValuesArguments>(name);
}
