using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace DeepSeekEngine;

/// <summary>The check the init accessors of options make.</summary>
internal static class OptionRange
{
    /// <summary>Returns the value, or throws naming the property and its range. NaN is in no range.</summary>
    public static T Check<T>(T value, T min, T max, [CallerMemberName] string property = "")
        where T : struct, INumber<T> =>
        value >= min && value <= max
            ? value
            : throw new ArgumentOutOfRangeException(
                property, value, string.Create(CultureInfo.InvariantCulture, $"{property} must be from {min} to {max}."));

    /// <summary>Returns the value, or throws naming the property and its range. Null is in every range, NaN in none.</summary>
    public static T? Check<T>(T? value, T min, T max, [CallerMemberName] string property = "")
        where T : struct, INumber<T> =>
        value is { } number ? Check(number, min, max, property) : null;
}
