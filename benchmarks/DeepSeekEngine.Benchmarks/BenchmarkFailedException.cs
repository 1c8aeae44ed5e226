namespace DeepSeekEngine.Benchmarks;

/// <summary>A command ran, and what it found is a failure.</summary>
internal sealed class BenchmarkFailedException(string message) : Exception(message);
