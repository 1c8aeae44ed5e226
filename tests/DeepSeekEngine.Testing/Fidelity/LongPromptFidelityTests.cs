using DeepSeekEngine.Model;
using NUnit.Framework;

namespace DeepSeekEngine.Testing.Fidelity;

/// <summary>What only backends can be held to that are fast enough for the long prompts: chunks around and above a cache block.</summary>
public abstract class LongPromptFidelityTests(string directory) : ModelFidelityTests(directory)
{
    [Test]
    public void Long_chunks_match_the_reference(
        [Values(15, 16, 17, 33, 64)] int size,
        [Values(AttentionForm.Cheapest, AttentionForm.Absorbed, AttentionForm.Expanded)] int form)
        => CompareChunks(size, form);
}
