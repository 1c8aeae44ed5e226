using System.Globalization;
using System.Text;

namespace DeepSeekEngine.Tokenizer.Patterns;

/// <summary>A set of code points: ranges and Unicode general categories, or all but those.</summary>
internal sealed class CharacterClass
{
    private const int LongS = 0x17F;

    /// <summary>In order, without overlap.</summary>
    private readonly (int First, int Last)[] _ranges;

    /// <summary>Bit c stands for the <see cref="UnicodeCategory"/> of value c.</summary>
    private readonly uint _categories;

    private readonly bool _negated;

    private readonly bool _ignoreCase;

    /// <summary>Which of the first 128 code points are members.</summary>
    private readonly UInt128 _ascii;

    /// <summary>Makes a class; use <see cref="CharacterClassBuilder"/>.</summary>
    /// <param name="ranges">In order, without overlap.</param>
    /// <param name="categories">One bit for each category.</param>
    /// <param name="negated">Whether the members are all but those named.</param>
    /// <param name="ignoreCase">Whether a code point is one of those named if it is so in upper or lower case.</param>
    public CharacterClass((int First, int Last)[] ranges, uint categories, bool negated, bool ignoreCase)
    {
        _ranges = ranges;
        _categories = categories;
        _negated = negated;
        _ignoreCase = ignoreCase;
        for (int value = 0; value < 128; value++)
        {
            _ascii |= IsMember(value) ? UInt128.One << value : 0;
        }
    }

    public bool Contains(int codePoint) => codePoint < 128 ? ((ulong)(_ascii >> codePoint) & 1) != 0 : IsMember(codePoint);

    private bool IsMember(int codePoint) => (IsNamed(codePoint) || (_ignoreCase && IsNamedInOtherCase(codePoint))) != _negated;

    private bool IsNamed(int codePoint)
        => IsInRange(codePoint) || (_categories != 0 && (_categories >> (int)CharUnicodeInfo.GetUnicodeCategory(codePoint) & 1) != 0);

    /// <summary>By simple case mapping. .NET leaves out the long s, which is an s in small print.</summary>
    private bool IsNamedInOtherCase(int codePoint)
    {
        if (!Rune.TryCreate(codePoint, out Rune rune))
        {
            return false;
        }

        Rune lower = codePoint == LongS ? new Rune('s') : Rune.ToLowerInvariant(rune);
        return IsNamed(lower.Value) || IsNamed(Rune.ToUpperInvariant(lower).Value) || IsNamed(Rune.ToUpperInvariant(rune).Value);
    }

    private bool IsInRange(int codePoint)
    {
        int low = 0;
        int high = _ranges.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_ranges[middle].Last < codePoint)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low < _ranges.Length && _ranges[low].First <= codePoint;
    }
}
