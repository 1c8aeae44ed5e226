using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>
/// Emits void(<see cref="BFloat16VectorArguments"/>*): rows are read from memory as they lie, and each once for all tokens.
/// </summary>
internal sealed class BFloat16VectorEmitter(bool eightBits) : BFloat16Emitter(eightBits)
{
    private const int MaxTokens = BFloat16Layout.VectorTokens;
    private const int MaxRows = 2;

    // Registers: a token's activations 4 and 5, sums of the lanes from 8 to 23; those of E4M3 beyond.
    private const int FirstLanes = 8;

    private static readonly int ColumnsField = Field(nameof(BFloat16VectorArguments.Columns));

    // The current row, chunk and its activations, the row's place in the results, what is asked of memory, chunks left.
    private static readonly AssemblerRegister64 Row = rbx, W = rsi, X = r8, Y = rbp, RowBytes = r11, Ahead = r13;
    private static readonly AssemblerRegister32 ChunksLeft = r10d, RowsLeft = r15d, Chunks = ecx, PartialLeft = r9d;

    // Between tokens' activations; five and seven times as many are where results are found between segments.
    private static readonly Multiples XBytes = new(r12, r14, rax, rdx);

    private static readonly AssemblerRegisterZMM[][] Weights = [[zmm6, zmm7], [zmm0, zmm1]];

    protected override void EmitFunction()
    {
        LoadTables();
        LoadMasks(ColumnsField + ChunkField(nameof(ColumnChunks.Mask)));
        Code.mov(Row, __qword_ptr[Argument + Field(nameof(BFloat16VectorArguments.Weights))]);
        Code.mov(RowBytes, __qword_ptr[Argument + Field(nameof(BFloat16VectorArguments.RowBytes))]);
        Code.mov(RowsLeft, __dword_ptr[Argument + Field(nameof(BFloat16VectorArguments.Rows))]);
        Code.mov(XBytes.One, __qword_ptr[Argument + Field(nameof(BFloat16VectorArguments.XBytes))]);
        Code.mov(Ahead, __qword_ptr[Argument + Field(nameof(BFloat16VectorArguments.Ahead))]);
        XBytes.LoadThree(Code);
        Code.mov(eax, __dword_ptr[Argument + Field(nameof(BFloat16VectorArguments.Tokens))]);
        Code.xor(ebp, ebp);
        Label done = Code.CreateLabel();
        var bodies = new Label[MaxTokens + 1];
        for (int tokens = 1; tokens <= MaxTokens; tokens++)
        {
            bodies[tokens] = Code.CreateLabel();
            Code.cmp(eax, tokens);
            Code.je(bodies[tokens]);
        }

        for (int tokens = MaxTokens; tokens > 0; tokens--)
        {
            EmitAllRows(ref bodies[tokens], ref done, tokens);
        }

        Code.Label(ref done);
    }

    /// <summary>
    /// Rows that are multiplied at the same time. Decoding E4M3 takes so many instructions that the processor does not see the next row while
    /// it waits for the sums of one; where it does, one row at a time is the one stream of memory it looks ahead along best. Several tokens'
    /// activations are loaded for two rows at once.
    /// </summary>
    private int RowsTogether(int tokens) => EightBits || tokens > 1 ? MaxRows : 1;

    private void EmitAllRows(ref Label several, ref Label done, int tokens)
    {
        Label one = Code.CreateLabel();
        int together = RowsTogether(tokens);
        Code.Label(ref several);
        Code.cmp(RowsLeft, together);
        Code.jl(one);
        EmitRows(together, tokens);
        Code.sub(RowsLeft, together);
        Code.jmp(several);
        Code.Label(ref one);
        Code.test(RowsLeft, RowsLeft);
        Code.je(done);
        EmitRows(1, tokens);
        Code.dec(RowsLeft);
        Code.jmp(one);
    }

    private static AssemblerRegisterZMM Lanes(int row, int token) => Zmm(FirstLanes + row * MaxTokens + token);

    private void EmitRows(int rows, int tokens)
    {
        Label segment = Code.CreateLabel(), take = Code.CreateLabel(), whole = Code.CreateLabel();
        Label loop = Code.CreateLabel(), rest = Code.CreateLabel(), sum = Code.CreateLabel();
        Code.mov(W, Row);
        Code.mov(X, __qword_ptr[Argument + Field(nameof(BFloat16VectorArguments.X))]);
        Code.mov(ChunksLeft, __dword_ptr[Argument + (ColumnsField + ChunkField(nameof(ColumnChunks.Chunks)))]);
        Code.Label(ref segment);
        if (tokens > 5)
        {
            XBytes.LoadFiveAndSeven(Code);
        }

        for (int i = 0; i < rows * tokens; i++)
        {
            AssemblerRegisterZMM lanes = Lanes(i / tokens, i % tokens);
            Code.vpxord(lanes, lanes, lanes);
        }

        Code.mov(Chunks, BFloat16Layout.SegmentChunks);
        Code.cmp(ChunksLeft, Chunks);
        Code.jge(take);
        Code.mov(Chunks, ChunksLeft);
        Code.Label(ref take);
        Code.sub(ChunksLeft, Chunks);
        Code.xor(PartialLeft, PartialLeft);
        Code.test(ChunksLeft, ChunksLeft);
        Code.jne(whole);
        Code.mov(PartialLeft, __dword_ptr[Argument + (ColumnsField + ChunkField(nameof(ColumnChunks.Partial)))]);
        Code.sub(Chunks, PartialLeft);
        Code.Label(ref whole);
        Code.test(Chunks, Chunks);
        Code.je(rest);
        Code.Label(ref loop);

        // The rows' bytes lie in one piece and are asked of memory in their order, in whichever order they are used; in the second-level
        // cache, since the first is too small to keep them until then.
        for (int line = 0; line < rows * StoredBytes; line += 64)
        {
            Code.prefetcht1(__byte_ptr[Ahead + line]);
        }

        EmitChunk(rows, tokens, partial: false);
        Code.add(Ahead, rows * StoredBytes);
        Code.add(W, StoredBytes);
        Code.add(X, BFloat16Layout.ChunkBytes);
        Code.dec(Chunks);
        Code.jne(loop);
        Code.Label(ref rest);
        Code.test(PartialLeft, PartialLeft);
        Code.je(sum);
        EmitChunk(rows, tokens, partial: true);
        Code.Label(ref sum);
        Code.mov(rdx, __qword_ptr[Argument + Field(nameof(BFloat16VectorArguments.Y))]);
        for (int t = 0; t < tokens; t++)
        {
            Code.mov(rax, __qword_ptr[rdx + t * sizeof(long)]);
            for (int r = 0; r < rows; r++)
            {
                EmitSum(Lanes(r, t), __dword_ptr[rax + Y + r * sizeof(float)]);
            }
        }

        Code.test(ChunksLeft, ChunksLeft);
        Code.jne(segment);
        Code.add(Y, rows * sizeof(float));
        Code.lea(Row, rows == 1 ? __[Row + RowBytes] : __[Row + RowBytes * rows]);
    }

    private void EmitChunk(int rows, int tokens, bool partial)
    {
        for (int r = 0; r < rows; r++)
        {
            LoadChunk(Weights[r][0], Weights[r][1], r == 0 ? __zmmword_ptr[W] : __zmmword_ptr[W + RowBytes], partial);
        }

        for (int t = 0; t < tokens; t++)
        {
            Code.vmovdqu16(zmm4, __zmmword_ptr[XBytes.At(X, t)]);
            Code.vmovdqu16(zmm5, __zmmword_ptr[XBytes.At(X, t, 64)]);
            for (int r = 0; r < rows; r++)
            {
                Code.vdpbf16ps(Lanes(r, t), Weights[r][0], zmm4);
                Code.vdpbf16ps(Lanes(r, t), Weights[r][1], zmm5);
            }
        }
    }

    /// <summary>A result += the sum of its lanes, in <see cref="BFloat16Layout"/>'s order.</summary>
    private void EmitSum(AssemblerRegisterZMM lanes, AssemblerMemoryOperand result)
    {
        Code.vpermilps(zmm0, lanes, 0x4E);
        Code.vaddps(zmm0, lanes, zmm0);
        Code.vpermilps(zmm1, zmm0, 0xB1);
        Code.vaddps(zmm0, zmm0, zmm1);
        Code.vextractf64x4(ymm1, zmm0, 1);
        Code.vaddps(ymm0, ymm0, ymm1);
        Code.vextractf128(xmm1, ymm0, 1);
        Code.vaddps(xmm0, xmm0, xmm1);
        Code.vaddss(xmm0, xmm0, result);
        Code.vmovss(result, xmm0);
    }

    private static int Field(string name) => (int)Marshal.OffsetOf<BFloat16VectorArguments>(name);

    private static int ChunkField(string name) => (int)Marshal.OffsetOf<ColumnChunks>(name);
}
