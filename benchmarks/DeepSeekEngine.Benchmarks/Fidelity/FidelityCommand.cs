using DeepSeekEngine.Benchmarks.Devices;
using DeepSeekEngine.Model;
using NUnit.Framework;
using NUnit.Framework.Internal;

namespace DeepSeekEngine.Benchmarks.Fidelity;

/// <summary>
/// Holds a device to the float64 reference of the tests' fixtures, at their tolerances: <c>--device --fixtures DIRECTORY --fixture
/// --checks absorbed,expanded,chunks,greedy,mixed,drafts --longest TOKENS --greedy STEPS --tensor-cores on|off</c>. Needs neither SDK nor repository.
/// </summary>
internal static class FidelityCommand
{
    public const string DefaultDevice = "cuda";

    private const string Note =
        "Hidden states of every layer, experts, logits and tokens against a float64 reference, at the float32 tolerances of the fixtures or, "
        + "where the device rounds activations to bfloat16, at those for it; with --tensor-cores off a CUDA device rounds nothing.";

    /// <summary>Where the fixtures lie beside the program.</summary>
    private static string BesideProgram => Path.Combine(AppContext.BaseDirectory, "fixtures");

    /// <exception cref="ArgumentException">There are no such fixtures or checks.</exception>
    /// <exception cref="BenchmarkFailedException">The device computes something else.</exception>
    public static void Run(Options arguments)
    {
        string name;
        using (var backend = BenchmarkDevice.Open(arguments, DefaultDevice))
        {
            name = backend.DeviceName;
        }

        var checks = arguments.List("checks", string.Join(',', DeviceFidelity.Checks.Keys));
        if (checks.FirstOrDefault(check => !DeviceFidelity.Checks.ContainsKey(check)) is { } unknown)
        {
            throw new ArgumentException($"There is no check '{unknown}'; there are {string.Join(", ", DeviceFidelity.Checks.Keys)}.");
        }

        if (arguments.Number("longest", 1) < 1)
        {
            throw new ArgumentException("There are no prompts without tokens: nothing would be compared.");
        }

        var table = new MarkdownTable("fixture", "check", "result");
        var failed = Fixtures(arguments).Sum(fixture => AddRows(table, arguments, fixture, checks));
        Report.Write(arguments, "fidelity", [Note], table, name);
        if (failed > 0)
        {
            throw new BenchmarkFailedException($"{failed} comparisons with the reference failed on {name}.");
        }
    }

    /// <returns>How many failed.</returns>
    private static int AddRows(MarkdownTable table, Options arguments, string fixture, string[] checks)
    {
        var model = new DeviceFidelity(fixture, arguments);
        var drafts = ModelConfigReader.Read(fixture).MtpLayers > 0;
        var failed = 0;
        try
        {
            // Failed assertions are this program's result, and no part of a test it may run within.
            using var isolated = new TestExecutionContext.IsolatedContext();
            if (Failure(model.Load) is { } refusal)
            {
                Add("loading", refusal);
                return failed;
            }

            foreach (var check in checks.Where(check => drafts || check != "drafts"))
            {
                Add(check, Failure(() => DeviceFidelity.Checks[check](model)));
            }

            return failed;
        }
        finally
        {
            model.Unload();
        }

        void Add(string check, string? failure)
        {
            table.Add(Path.GetFileName(fixture), check, failure ?? "passed");
            failed += failure is null ? 0 : 1;
        }
    }

    /// <summary>The directories of fixtures to compare with, in a fixed order.</summary>
    private static IEnumerable<string> Fixtures(Options arguments)
    {
        var directory = arguments.Text("fixtures", BesideProgram);
        var wanted = arguments.Value("fixture")?.Split(',');
        var found = Directory.Exists(directory)
            ? Directory.EnumerateDirectories(directory)
                .Where(fixture => wanted is null || wanted.Contains(Path.GetFileName(fixture)))
                .Order(StringComparer.Ordinal)
                .ToArray()
            : [];
        return found.Length > 0 ? found : throw new ArgumentException($"There are no such fixtures in '{directory}'.");
    }

    /// <summary>
    /// What went wrong, on one line; null if nothing did. On a new device anything may: it is to be reported, not to end the rest.
    /// </summary>
    private static string? Failure(Action check)
    {
        try
        {
            check();
            return null;
        }
        catch (AssertionException exception)
        {
            return $"FAILED: {OneLine(exception.Message)}";
        }
        catch (Exception exception)
        {
            return $"FAILED: {exception.GetType().Name}: {OneLine(exception.Message)}";
        }
    }

    private static string OneLine(string message)
        => string.Join(' ', message.Split((char[])['\r', '\n', ' '], StringSplitOptions.RemoveEmptyEntries)).Replace('|', '/');
}
