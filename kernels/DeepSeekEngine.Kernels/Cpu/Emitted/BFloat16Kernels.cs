using System.Runtime.Intrinsics.X86;

namespace DeepSeekEngine.Kernels.Cpu.Emitted;

/// <summary>The functions that products of the rows of one encoding with bfloat16 activations are made of. Null: there are none.</summary>
internal readonly unsafe struct BFloat16Functions
{
    public required delegate* unmanaged<BFloat16TileArguments*, void> Tile { get; init; }

    public required delegate* unmanaged<BFloat16VectorArguments*, void> Vector { get; init; }

    public required delegate* unmanaged<BFloat16DecodeArguments*, void> Decode { get; init; }

    public required delegate* unmanaged<BFloat16RoundArguments*, void> Round { get; init; }
}

/// <summary>The functions that attention in bfloat16 is made of. Null: there are none.</summary>
internal readonly unsafe struct BFloat16AttentionFunctions
{
    public required delegate* unmanaged<BFloat16RoundArguments*, void> Round { get; init; }

    public required delegate* unmanaged<BFloat16ScoresArguments*, void> Scores { get; init; }

    public required delegate* unmanaged<BFloat16ValuesArguments*, void> Values { get; init; }

    /// <summary>Rounds a row to bfloat16, filled up with zeros to whole chunks.</summary>
    /// <param name="ones">A one for each chunk.</param>
    public void RoundRow(float* row, int width, float* ones, ushort* rounded)
    {
        var arguments = new BFloat16RoundArguments { X = row, Columns = new ColumnChunks(width), Scales = ones, Y = rounded };
        Round(&arguments);
    }
}

/// <summary>The functions a backend computes products in bfloat16 with, chosen once.</summary>
internal sealed class BFloat16Kernels
{
    public required BFloat16Functions BF16 { get; init; }

    public required BFloat16Functions F8E4M3 { get; init; }

    public required BFloat16AttentionFunctions Attention { get; init; }

    /// <summary>
    /// By instructions that .NET has no intrinsics for; emitted once a process, when first asked for. Null where the processor lacks them,
    /// the system forbids emitted code or the user does.
    /// </summary>
    public static BFloat16Kernels? Native => Emitted.Kernels;

    private static unsafe BFloat16Functions Emit(bool supported, void* tile, bool eightBits) => new()
    {
        Tile = (delegate* unmanaged<BFloat16TileArguments*, void>)tile,
        Vector = (delegate* unmanaged<BFloat16VectorArguments*, void>)EmittedCode.For(supported, () => new BFloat16VectorEmitter(eightBits)),
        Decode = (delegate* unmanaged<BFloat16DecodeArguments*, void>)EmittedCode.For(supported, () => new BFloat16DecodeEmitter(eightBits)),
        Round = (delegate* unmanaged<BFloat16RoundArguments*, void>)EmittedCode.For(supported, () => new BFloat16RoundEmitter(eightBits)),
    };

    // A class of its own, so that nothing is emitted before it is needed.
    private static unsafe class Emitted
    {
        public static readonly BFloat16Kernels? Kernels = Emit();

        private static BFloat16Kernels? Emit()
        {
            bool supported = CpuFeatures.Avx512BFloat16 && Avx512BW.IsSupported && Avx512DQ.IsSupported && Avx512Vbmi.IsSupported;
            void* tile = EmittedCode.For(supported, static () => new BFloat16TileEmitter());
            var sixteen = BFloat16Kernels.Emit(supported, tile, eightBits: false);
            var eight = BFloat16Kernels.Emit(supported, tile, eightBits: true);
            var attention = new BFloat16AttentionFunctions
            {
                Round = sixteen.Round,
                Scores = (delegate* unmanaged<BFloat16ScoresArguments*, void>)EmittedCode.For(supported, static () => new BFloat16ScoresEmitter()),
                Values = (delegate* unmanaged<BFloat16ValuesArguments*, void>)EmittedCode.For(supported, static () => new BFloat16ValuesEmitter()),
            };
            return IsComplete(sixteen) && IsComplete(eight) && attention.Scores != null && attention.Values != null
                ? new BFloat16Kernels { BF16 = sixteen, F8E4M3 = eight, Attention = attention }
                : null;
        }

        private static bool IsComplete(in BFloat16Functions functions)
            => functions.Tile != null && functions.Vector != null && functions.Decode != null && functions.Round != null;
    }
}
