using System.Runtime.CompilerServices;
using DeepSeekEngine.Kernels;
using DeepSeekEngine.Kernels.Cpu;

namespace DeepSeekEngine.Backends.Simd;

/// <summary>Turns arguments into what kernels compute with, after proving that every address lies within its array.</summary>
internal static unsafe class SimdArguments
{
    /// <summary>The first <paramref name="count"/> rows of a view that must be <paramref name="width"/> wide.</summary>
    public static Rows View(
        in Activations activations, int width, long count, [CallerArgumentExpression(nameof(activations))] string name = "")
    {
        if (activations.Width != width)
        {
            throw new ArgumentException($"The rows are {activations.Width} wide; {width} are expected.", name);
        }

        if (AvailableRows(activations, name) < count || (count > 1 && activations.Stride < width))
        {
            throw new ArgumentException(
                $"{count} rows of {width}, {activations.Stride} apart from {activations.Offset}, do not lie within "
              + $"{activations.Array.Length}.",
                name);
        }

        return Rows(activations, name);
    }

    /// <summary>All rows a view has, for operations that choose among them by number.</summary>
    public static Rows View(
        in Activations activations, int width, out long available, [CallerArgumentExpression(nameof(activations))] string name = "")
    {
        available = AvailableRows(activations, name);
        return View(activations, width, available, name);
    }

    /// <summary>The address of the first of at least <paramref name="count"/> elements.</summary>
    public static T* Elements<T>(DeviceArray<T> array, long count, [CallerArgumentExpression(nameof(array))] string name = "")
        where T : unmanaged
    {
        if (array.Length < count)
        {
            throw new ArgumentException($"{count} elements are needed, the array has {array.Length}.", name);
        }

        return Simd(array, name).Pointer;
    }

    /// <summary>A matrix that must have the given shape.</summary>
    public static WeightMatrix View(Matrix matrix, long rows, int columns, [CallerArgumentExpression(nameof(matrix))] string name = "")
    {
        if (matrix.Rows != rows || matrix.Columns != columns)
        {
            throw new ArgumentException($"The matrix is {matrix.Rows} x {matrix.Columns}; {rows} x {columns} is expected.", name);
        }

        return matrix is SimdMatrix simd ? simd.View : throw Foreign(name);
    }

    /// <summary>Experts' matrices that must have the given number and shape.</summary>
    public static WeightMatrix* View(
        ExpertMatrices matrices, int experts, int rows, int columns, [CallerArgumentExpression(nameof(matrices))] string name = "")
    {
        if (matrices.Experts != experts || matrices.Rows != rows || matrices.Columns != columns)
        {
            throw new ArgumentException(
                $"There are {matrices.Experts} matrices of {matrices.Rows} x {matrices.Columns}; "
              + $"{experts} of {rows} x {columns} are expected.",
                name);
        }

        return matrices is SimdExpertMatrices simd ? simd.Views : throw Foreign(name);
    }

    /// <summary>The tables of <paramref name="count"/> tokens over a cache of so many rows.</summary>
    public static TokenView View(in TokenTables tokens, int count, long cacheRows)
    {
        if (tokens.First < 0 || tokens.BlockSize < 1 || tokens.BlockTableStride < 1)
        {
            throw new ArgumentException(
                $"First {tokens.First}, block size {tokens.BlockSize} or block table stride {tokens.BlockTableStride} is impossible.",
                nameof(tokens));
        }

        long end = (long)tokens.First + count;
        return new TokenView
        {
            Positions = Elements(tokens.Positions, end) + tokens.First,
            Sequences = Elements(tokens.Sequences, end) + tokens.First,
            BlockTables = Elements(tokens.BlockTables, 0),
            TableCount = (int)Math.Min(int.MaxValue, tokens.BlockTables.Length / tokens.BlockTableStride),
            BlockTableStride = tokens.BlockTableStride,
            BlockSize = tokens.BlockSize,
            CacheRows = cacheRows,
        };
    }

    /// <summary>As <see cref="Elements"/>, and null if there is no array.</summary>
    public static T* OptionalElements<T>(DeviceArray<T>? array, long count, [CallerArgumentExpression(nameof(array))] string name = "")
        where T : unmanaged
        => array is null ? null : Elements(array, count, name);

    /// <summary>The table of angles, so many values a position, and the number of positions it has.</summary>
    public static float* RopeTable(DeviceArray<float> rope, int width, out int positions)
    {
        if (width % 2 != 0)
        {
            throw new ArgumentException($"{width} values cannot be rotated in pairs.", nameof(width));
        }

        positions = width == 0 ? int.MaxValue : (int)Math.Min(int.MaxValue, rope.Length / width);
        return Elements(rope, 0);
    }

    public static void Check(in MlaShape shape)
    {
        if (shape.Heads < 1 || shape.Nope < 1 || shape.Rope < 0 || shape.Rope % 2 != 0 || shape.Value < 1 || shape.Latent < 1
            || (long)shape.Heads * Math.Max((long)shape.Nope + shape.Value, (long)shape.Latent + shape.Rope) > int.MaxValue
            || (long)shape.Heads * ((long)shape.Nope + shape.Rope) > int.MaxValue)
        {
            throw new ArgumentException($"Impossible: {shape}.", nameof(shape));
        }
    }

    public static void Check(in RouterShape shape)
    {
        if (shape.Experts < 1 || shape.ExpertsPerToken < 1 || shape.Groups < 1 || shape.GroupsKept < 1 || shape.Experts % shape.Groups != 0
            || Math.Min(shape.GroupsKept, shape.Groups) * (long)(shape.Experts / shape.Groups) < shape.ExpertsPerToken)
        {
            throw new ArgumentException($"Impossible: {shape}.", nameof(shape));
        }
    }

    public static void Check(in WeightMatrix matrix)
    {
        bool scaled = matrix.Encoding == WeightEncoding.F8E4M3;
        if (matrix.Rows < 1 || matrix.Columns < 1 || matrix.Data == null || !Enum.IsDefined(matrix.Encoding)
            || (scaled && (matrix.Scales == null || matrix.BlockRows < 1 || matrix.BlockColumns < 1)))
        {
            throw new ArgumentException(
                $"A matrix of {matrix.Rows} x {matrix.Columns} in {matrix.Encoding}, with scale blocks of {matrix.BlockRows} x "
              + $"{matrix.BlockColumns}, needs rows, columns, data, and scales where the encoding has them.",
                nameof(matrix));
        }
    }

    private static Rows Rows(in Activations activations, string name)
        => new(Simd(activations.Array, name).Pointer + activations.Offset, activations.Stride, activations.Width);

    private static long AvailableRows(in Activations activations, string name)
    {
        if (activations.Width < 1 || activations.Stride < 1 || activations.Offset < 0)
        {
            throw new ArgumentException(
                $"Rows of {activations.Width}, {activations.Stride} apart from {activations.Offset}, are impossible.", name);
        }

        long room = activations.Array.Length - activations.Offset - activations.Width;
        return room < 0 ? 0 : room / activations.Stride + 1;
    }

    private static SimdArray<T> Simd<T>(DeviceArray<T> array, string name)
        where T : unmanaged
        => array as SimdArray<T> ?? throw Foreign(name);

    private static ArgumentException Foreign(string name) => new("This belongs to another backend.", name);
}
