using System.Runtime.InteropServices;

namespace DeepSeekEngine.Constraints;

/// <summary>A node of a <see cref="TokenVocabulary"/>'s trie.</summary>
/// <param name="End">The node after the last one below it.</param>
/// <param name="Token">The token whose bytes lead here; -1 if there is none.</param>
/// <param name="Depth">How many bytes lead here.</param>
/// <param name="Byte">The last of them.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct TrieNode(int End, int Token, ushort Depth, byte Byte);
