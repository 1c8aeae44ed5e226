namespace DeepSeekEngine.ChatPage.Tests;

/// <summary>What a reader sees most of: thoughts, prose, formulas, a table and code.</summary>
internal static class Samples
{
    public const string Question = "How fast does Newton's method find √2, and how would I write it in C#?";

    public const string Reasoning = """
        The user wants Newton's method for \(f(x) = x^2 - 2\). The step is \(x - f(x)/f'(x)\), which simplifies to the mean of \(x\) and \(2/x\).

        The error squares each time, up to a constant, so the number of correct digits doubles. Let me check it from \(x_0 = 1\):
        1.5, then 1.41666…, then 1.4142156…. Yes: 1, 3, 6, 12 digits.

        I'll show the iteration, a small table and code that stops when nothing changes any more.
        """;

    public const string Answer = """
        Newton's method for \(f(x) = x^2 - 2\) averages a guess with what is missing from it:

        \[
        x_{n+1} = x_n - \frac{x_n^2 - 2}{2 x_n} = \frac{1}{2}\left(x_n + \frac{2}{x_n}\right)
        \]

        The error is **squared** in each step, \(e_{n+1} \approx e_n^2 / (2\sqrt{2})\), so that the correct digits double:

        | Step | Value | Correct digits |
        |-----:|:------|---------------:|
        | 0 | 1 | 1 |
        | 1 | 1.5 | 1 |
        | 2 | 1.416666667 | 3 |
        | 3 | 1.414215686 | 6 |
        | 4 | 1.414213562 | 12 |

        In C#, stop when a step changes nothing any more:

        ```csharp
        static double SquareRoot(double value)
        {
            var guess = value;
            for (var previous = 0.0; guess != previous;)
            {
                previous = guess;
                guess = (guess + value / guess) / 2; // the mean
            }

            return guess;
        }
        ```

        Two notes:

        1. `guess != previous` can alternate between two neighbours; a limit of 60 steps is safer.
        2. Without a good first guess it still converges, only more slowly at first.
        """;
}
