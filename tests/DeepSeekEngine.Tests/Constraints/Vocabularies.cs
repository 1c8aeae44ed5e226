using DeepSeekEngine.Constraints;
using DeepSeekEngine.Testing;
using DeepSeekEngine.Tokenizer;

namespace DeepSeekEngine.Tests.Constraints;

/// <summary>The vocabularies constraints are tested over.</summary>
internal static class Vocabularies
{
    private static readonly Lazy<Vocabulary> s_real = new(() => new(TestPaths.TokenizerDirectory));

    private static readonly Lazy<Vocabulary> s_tiny = new(() => new(TestPaths.TinyR1));

    /// <summary>R1's, of 128k tokens.</summary>
    public static Vocabulary Real => s_real.Value;

    /// <summary>The sample model's, of some hundreds.</summary>
    public static Vocabulary Tiny => s_tiny.Value;

    internal sealed class Vocabulary
    {
        public Vocabulary(string directory)
        {
            Tokenizer = DeepSeekTokenizer.Load(directory);
            Tokens = new TokenVocabulary(Tokenizer, Tokenizer.VocabSize);
            End = Tokenizer.EosToken!.Value;
            ByteTokens = new int[256];
            for (var token = 0; token < Tokenizer.VocabSize; token++)
            {
                if (Tokenizer.TokenBytes(token).Length == 1 && Tokens.IsText(token))
                {
                    ByteTokens[Tokenizer.TokenBytes(token)[0]] = token;
                }
            }
        }

        public DeepSeekTokenizer Tokenizer { get; }

        public TokenVocabulary Tokens { get; }

        public int End { get; }

        /// <summary>[byte]: its token.</summary>
        public int[] ByteTokens { get; }

        public Matcher Begin(Grammar grammar) => new(grammar, Tokens, [End]);
    }
}
