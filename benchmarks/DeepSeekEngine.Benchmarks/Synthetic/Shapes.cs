using DeepSeekEngine.Kernels;
using DeepSeekEngine.Model;

namespace DeepSeekEngine.Benchmarks.Synthetic;

/// <summary>The true dimensions of published models, and of slices of them that fit a small machine.</summary>
internal static class Shapes
{
    public static IReadOnlyList<string> Names { get; } = ["mid9", "v2-lite", "moonlight", "r1", "qwen-1.5b", "llama-8b", "tiny"];

    /// <param name="layers">As many decoder layers, of which the published number is dense; 0 for the shape's own.</param>
    /// <exception cref="ArgumentException">There is no such shape.</exception>
    public static ModelConfig Of(string name, int layers = 0)
    {
        var config = name switch
        {
            // V3's architecture at V2-Lite's widths: 4.9 B parameters, 0.83 B active.
            "mid9" => Config(
                Architecture.DeepSeekV3, 32768, 2048, 9, 1536, 16, 11264, 1408, 2, 1, 10000, Sigmoid(64, 6, 1, 1, 2.5f)),
            "v2-lite" => Config(
                Architecture.DeepSeekV2, 102400, 2048, 27, null, 16, 10944, 1408, 2, 1, 10000,
                Sigmoid(64, 6, 1, 1, 1) with { Sigmoid = false, BiasCorrected = false, Normalize = false }),
            "moonlight" => Config(
                Architecture.DeepSeekV3, 163840, 2048, 27, null, 16, 11264, 1408, 2, 1, 50000, Sigmoid(64, 6, 1, 1, 2.446f)),

            // One dense and one MoE layer of the 61: a layer is as it is in R1, only the output head weighs more than its share.
            "r1" => Config(
                Architecture.DeepSeekV3, 129280, 7168, 2, 1536, 128, 18432, 2048, 1, 1, 10000, Sigmoid(256, 8, 8, 4, 2.5f)),

            // R1-Distill-Qwen-1.5B and R1-Distill-Llama-8B.
            "qwen-1.5b" => Dense(Architecture.Qwen2, 151936, 1536, 28, new GroupedQueryConfig(12, 2, 128, HasBias: true, HasHeadNorm: false), 8960, 10000),
            "llama-8b" => Dense(Architecture.Llama, 128256, 4096, 32, new GroupedQueryConfig(32, 8, 128, HasBias: false, HasHeadNorm: false), 14336, 500000),

            // R1's architecture at widths with which a step takes seconds where every thread of a kernel is one of the system.
            "tiny" => Config(
                Architecture.DeepSeekV3, 512, 64, 2, 32, 2, 128, 64, 1, 1, 10000, Sigmoid(8, 2, 2, 1, 2.5f)) with
            {
                Attention = new MlaConfig(
                    new MlaShape { Heads = 2, Nope = 16, Rope = 16, Value = 16, Latent = 32, Scale = 1f / MathF.Sqrt(32) }, QLoraRank: 32),
            },
            _ => throw new ArgumentException($"There is no shape '{name}'; there are {string.Join(", ", Names)}."),
        };
        return layers > 0 ? config with { Layers = layers } : config;
    }

    private static RouterShape Sigmoid(int experts, int chosen, int groups, int kept, float scale) => new()
    {
        Experts = experts,
        ExpertsPerToken = chosen,
        Groups = groups,
        GroupsKept = kept,
        Sigmoid = true,
        BiasCorrected = true,
        Normalize = true,
        Scale = scale,
    };

    private static ModelConfig Dense(
        Architecture architecture, int vocabulary, int hidden, int layers, AttentionConfig attention, int intermediate, double theta) => new()
    {
        Architecture = architecture,
        VocabSize = vocabulary,
        HiddenSize = hidden,
        Layers = layers,
        MtpLayers = 0,
        Attention = attention,
        IntermediateSize = intermediate,
        MoeIntermediateSize = 0,
        Router = null,
        SharedExperts = 0,
        FirstMoeLayer = layers,
        MoeLayerFrequency = 1,
        RmsNormEpsilon = 1e-6f,
        RopeTheta = theta,
        RopeScaling = null,
        MaxPositions = 131072,
        TiedEmbeddings = false,
        Fp8 = new Fp8Quantization(128, 128),
        EosTokens = [],
    };

    private static ModelConfig Config(
        Architecture architecture, int vocabulary, int hidden, int layers, int? queryRank, int heads, int dense, int expert, int shared,
        int denseLayers, double theta, RouterShape router)
    {
        var shape = new MlaShape { Heads = heads, Nope = 128, Rope = 64, Value = 128, Latent = 512, Scale = 1f / MathF.Sqrt(192) };
        return Dense(architecture, vocabulary, hidden, layers, new MlaConfig(shape, queryRank), dense, theta) with
        {
            MoeIntermediateSize = expert,
            Router = router,
            SharedExperts = shared,
            FirstMoeLayer = denseLayers,
            MaxPositions = 163840,
        };
    }
}
