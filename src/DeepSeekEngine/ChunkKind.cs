namespace DeepSeekEngine;

/// <summary>Which part of a response a piece of text belongs to.</summary>
public enum ChunkKind
{
    /// <summary>What the model thinks: what is between <c>&lt;think&gt;</c> and <c>&lt;/think&gt;</c>, without the tags.</summary>
    Reasoning,

    /// <summary>What the model says.</summary>
    Answer,

    /// <summary>A call of a tool: the text belongs to the call's arguments.</summary>
    ToolCall,
}
