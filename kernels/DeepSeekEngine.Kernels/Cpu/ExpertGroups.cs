namespace DeepSeekEngine.Kernels.Cpu;

/// <summary>
/// The (token, slot) pairs of a step, p = t * k + i, sorted by the expert they chose: those of expert e are
/// Pairs[Offsets[e] .. Offsets[e + 1]], in ascending order.
/// </summary>
internal readonly unsafe struct ExpertGroups(byte* memory, int experts, int pairs)
{
    /// <summary>[E + 1].</summary>
    public readonly int* Offsets = (int*)memory;

    /// <summary>[E] the experts chosen at all, in ascending order.</summary>
    public readonly int* Active = (int*)memory + experts + 1;

    /// <summary>[pairs].</summary>
    public readonly int* Pairs = (int*)memory + 2 * experts + 1;

    public static long ByteLength(int experts, long pairs) => (2L * experts + 1 + pairs) * sizeof(int);

    /// <summary>A counting sort of the chosen ids. Returns the number of active experts.</summary>
    public int Sort(int* expertIds)
    {
        new Span<int>(Offsets, experts + 1).Clear();
        for (int p = 0; p < pairs; p++)
        {
            int expert = expertIds[p];
            if ((uint)expert >= (uint)experts)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(expertIds), $"Expert id {p} is {expert}; there are experts 0 .. {experts - 1}.");
            }

            Offsets[expert]++;
        }

        int active = 0;
        int end = 0;
        for (int e = 0; e < experts; e++)
        {
            if (Offsets[e] > 0)
            {
                Active[active++] = e;
            }

            end += Offsets[e];
            Offsets[e] = end;
        }

        Offsets[experts] = end;
        for (int p = pairs - 1; p >= 0; p--)
        {
            Pairs[--Offsets[expertIds[p]]] = p;
        }

        return active;
    }
}
