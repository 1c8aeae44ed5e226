namespace DeepSeekEngine.Benchmarks.Operations;

/// <summary>What is timed, and the least it costs: the limit is the slower of reading its bytes and doing its arithmetic.</summary>
/// <param name="Bytes">Bytes it must read from memory.</param>
/// <param name="Arithmetic">Multiplications and additions.</param>
/// <param name="On">What its arithmetic may be done on.</param>
/// <param name="Run">Does it once; repeated calls use other memory, so that the caches hold none of what is read.</param>
internal sealed record Operation(string Name, string Format, int Tokens, double Bytes, double Arithmetic, Operands On, Action Run);

/// <summary>What products are of.</summary>
internal enum Operands
{
    Float32,
    BFloat16,
    Int8,
}
