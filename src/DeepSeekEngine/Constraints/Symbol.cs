namespace DeepSeekEngine.Constraints;

/// <summary>What a matcher steps by: the 256 bytes, and above them the added tokens, so that no text is ever taken for one.</summary>
internal static class Symbol
{
    private const int Bytes = 256;

    public static int OfToken(int token) => checked(Bytes + token);
}
