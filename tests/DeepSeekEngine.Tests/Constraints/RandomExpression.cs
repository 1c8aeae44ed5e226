using System.Text;

namespace DeepSeekEngine.Tests.Constraints;

/// <summary>Makes regular expressions over a few characters, each as ECMA-262 writes it and as .NET does.</summary>
internal sealed class RandomExpression(Random random)
{
    public const string Alphabet = "ab1 ";

    private static readonly (string Ecma, string Net)[] s_atoms =
    [
        ("a", "a"), ("b", "b"), ("1", "1"), (" ", " "), (".", "."), (@"\d", @"\d"), (@"\D", @"\D"), (@"\w", @"\w"), (@"\W", @"\W"),
        (@"\s", @"\s"), (@"\S", @"\S"), ("[ab]", "[ab]"), ("[^a]", "[^a]"), ("[^ab1]", "[^ab1]"), (@"[\d\s]", @"[\d\s]"),
        (@"\x61", "a"), (@"\u0062", "b"), (@"\u{20}", " "), ("[a-b1]", "[a-b1]"), ("", ""), ("(?:)", "(?:)"),
    ];

    private static readonly (string Ecma, string Net)[] s_assertions =
        [("^", "^"), ("$", @"\z"), (@"\b", @"\b"), (@"\B", @"\B"), ("^", "^"), ("$", @"\z")];

    private static readonly string[] s_quantifiers = ["?", "*", "+", "{2}", "{0,2}", "{1,}", "{0}", "*?", "+?", "??", "{1,3}?"];

    public (string Ecma, string Net) Next(int depth)
    {
        StringBuilder ecma = new();
        StringBuilder net = new();
        int count = random.Next(1, 4);
        for (int i = 0; i < count; i++)
        {
            (string Ecma, string Net) part = Part(depth);
            ecma.Append(part.Ecma);
            net.Append(part.Net);
            if (i + 1 < count && random.Next(4) == 0)
            {
                ecma.Append('|');
                net.Append('|');
            }
        }

        return (ecma.ToString(), net.ToString());
    }

    private (string Ecma, string Net) Part(int depth)
    {
        (string Ecma, string Net) part;
        switch (random.Next(depth == 0 ? 6 : 12))
        {
            case 0:
                return s_assertions[random.Next(s_assertions.Length)];
            case > 5:
                (string ecma, string net) = Next(depth - 1);
                part = random.Next(2) == 0 ? ($"({ecma})", $"({net})") : ($"(?:{ecma})", $"(?:{net})");
                break;
            default:
                part = s_atoms[random.Next(s_atoms.Length)];
                break;
        }

        string quantifier = part.Ecma.Length > 0 && random.Next(2) == 0 ? s_quantifiers[random.Next(s_quantifiers.Length)] : "";
        return (part.Ecma + quantifier, part.Net + quantifier);
    }
}
