using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;
using DeepSeekEngine.Kernels.Cpu.Scalar;
using DeepSeekEngine.Weights;

namespace DeepSeekEngine.Testing.Quality;

/// <summary>How far quantised matrices are from the stored ones: sqrt(sum (q - w)^2 / sum w^2), over all matrices of a role.</summary>
internal static unsafe class RoundingError
{
    public static SortedDictionary<TensorRole, double> ByRole(Checkpoint checkpoint, WeightEncoding encoding)
    {
        var errors = new SortedDictionary<TensorRole, double>();
        var squares = new Dictionary<TensorRole, double>();
        var policy = QuantizationPolicy.For(encoding is WeightEncoding.Int8 ? WeightFormat.Int8 : WeightFormat.Int4);
        var quantizer = new ParallelQuantizer(1, CancellationToken.None);
        foreach (var (name, entry) in checkpoint.Tensors)
        {
            if (entry.Shape is not [var longRows, var longColumns] || TensorRoles.Of(name) is var role && role is TensorRole.Other)
            {
                continue;
            }

            var (rows, columns) = ((int)longRows, (int)longColumns);
            var source = checkpoint.Matrix(name, rows, columns);
            if (policy.EncodingOf(name, source.Encoding) == source.Encoding)
            {
                continue;
            }

            using var packed = new NativeBuffer(PackedLayout.ByteLength(encoding, rows, columns));
            quantizer.Quantize(source, encoding, 0, PackedLayout.Panels(rows), packed.Pointer);
            var quantized = new WeightMatrix { Encoding = encoding, Rows = rows, Columns = columns, Data = packed.Pointer };
            double error = 0, square = 0;
            for (var row = 0; row < rows; row++)
            {
                for (var column = 0; column < columns; column++)
                {
                    double weight = ScalarWeights.Decode(source, row, column);
                    error += Math.Pow(ScalarWeights.Decode(quantized, row, column) - weight, 2);
                    square += weight * weight;
                }
            }

            errors[role] = errors.GetValueOrDefault(role) + error;
            squares[role] = squares.GetValueOrDefault(role) + square;
        }

        foreach (var (role, square) in squares)
        {
            errors[role] = Math.Sqrt(errors[role] / square);
        }

        return errors;
    }
}
