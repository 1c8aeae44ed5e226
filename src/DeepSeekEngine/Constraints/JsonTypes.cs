namespace DeepSeekEngine.Constraints;

/// <summary>The types of JSON values that a JSON schema tells apart; numbers are integers or not.</summary>
[Flags]
internal enum JsonTypes
{
    None = 0,
    Null = 1,
    Boolean = 2,
    String = 4,
    Array = 8,
    Object = 16,
    Integer = 32,
    Fraction = 64,
    Number = Integer | Fraction,
    All = Null | Boolean | String | Array | Object | Number,
}
