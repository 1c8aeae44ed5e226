namespace DeepSeekEngine.Constraints;

/// <summary>What has been read of a character.</summary>
internal enum CharacterPartKind
{
    /// <summary>Nothing: the text is between two characters.</summary>
    None,

    /// <summary>The first bytes of its UTF-8.</summary>
    Utf8,

    /// <summary>The first bytes of its UTF-8, where it does not matter any more which one it is: the text is counted as being after it.</summary>
    AnyUtf8,

    /// <summary>The backslash.</summary>
    Backslash,

    /// <summary>The backslash, the u and perhaps digits.</summary>
    Digits,

    /// <summary>The escape of a high surrogate, so that a backslash has to follow.</summary>
    High,

    /// <summary>The escape of a high surrogate and a backslash, so that a u has to follow.</summary>
    HighBackslash,
}
