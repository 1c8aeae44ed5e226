namespace DeepSeekEngine.Tokenizer;

/// <summary>
/// GPT-2's alphabet: one printable character a byte, so that a vocabulary of byte strings can be written as text. Printable Latin-1 bytes
/// stand for themselves; the other 68 take U+0100 upwards in byte order (space is U+0120).
/// </summary>
internal static class ByteAlphabet
{
    /// <summary>The byte a character stands for, indexed by the character; -1 where it stands for none.</summary>
    private static readonly short[] s_bytes = Build();

    private static readonly char[] s_symbols = BuildSymbols();

    /// <summary>The byte <paramref name="symbol"/> stands for, or -1.</summary>
    public static int ByteOf(char symbol) => symbol < s_bytes.Length ? s_bytes[symbol] : -1;

    /// <summary>The character that stands for <paramref name="value"/>.</summary>
    public static char SymbolOf(byte value) => s_symbols[value];

    private static char[] BuildSymbols()
    {
        char[] symbols = new char[256];
        for (int symbol = 0; symbol < s_bytes.Length; symbol++)
        {
            if (s_bytes[symbol] >= 0)
            {
                symbols[s_bytes[symbol]] = (char)symbol;
            }
        }

        return symbols;
    }

    private static short[] Build()
    {
        short[] bytes = new short[0x100 + 68];
        Array.Fill(bytes, (short)-1);
        int next = 0x100;
        for (int value = 0; value < 256; value++)
        {
            bool printable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE;
            bytes[printable ? value : next++] = (short)value;
        }

        return bytes;
    }
}
