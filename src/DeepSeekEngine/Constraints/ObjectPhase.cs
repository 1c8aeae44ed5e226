namespace DeepSeekEngine.Constraints;

/// <summary>Where in its syntax an object is.</summary>
internal enum ObjectPhase
{
    /// <summary>Before the first member.</summary>
    Start,

    /// <summary>After a member.</summary>
    Member,

    /// <summary>After a comma.</summary>
    Comma,
}
