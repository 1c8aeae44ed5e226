using System.Text.Json;

namespace DeepSeekEngine.Tests.Tokenizer;

/// <summary>
/// Byte-pair encoding as the textbook has it, for ASCII words: of all pairs merge the first with the lowest rank, until none is left.
/// </summary>
internal static class NaiveBytePairEncoding
{
    public static Dictionary<(string, string), int> Ranks(string tokenizerPath)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(tokenizerPath));
        return document.RootElement.GetProperty("model").GetProperty("merges").EnumerateArray()
            .Select((merge, rank) => (Pair: merge.GetString()!.Split(' '), rank))
            .ToDictionary(merge => (merge.Pair[0], merge.Pair[1]), merge => merge.rank);
    }

    public static List<string> Encode(string word, Dictionary<(string, string), int> ranks)
    {
        List<string> tokens = [.. word.Select(c => c.ToString())];
        while (true)
        {
            int best = -1;
            int bestRank = int.MaxValue;
            for (int i = 0; i + 1 < tokens.Count; i++)
            {
                if (ranks.TryGetValue((tokens[i], tokens[i + 1]), out int rank) && rank < bestRank)
                {
                    (best, bestRank) = (i, rank);
                }
            }

            if (best < 0)
            {
                return tokens;
            }

            tokens[best] += tokens[best + 1];
            tokens.RemoveAt(best + 1);
        }
    }
}
