using System.Runtime.InteropServices;
using DeepSeekEngine.Backends;
using DeepSeekEngine.Backends.Ilgpu;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace DeepSeekEngine.Benchmarks.Products;

/// <summary>NVIDIA's product of bfloat16 matrices with float32 sums, on the stream of a backend. It is not part of this program.</summary>
internal sealed unsafe class Cublas : IDisposable
{
    private const int Transposed = 1;
    private const int AsItIs = 0;
    private const int RealFloat32 = 0;
    private const int RealBFloat16 = 14;
    private const int ComputeFloat32 = 68;
    private const int DefaultAlgorithm = -1;

    private readonly Library _library;
    private readonly nint _handle;

    /// <exception cref="InvalidOperationException">cuBLAS cannot be initialised.</exception>
    public Cublas(Library library, nint stream)
    {
        _library = library;
        nint handle = 0;
        Check(library.Create(&handle), "cublasCreate");
        _handle = handle;
        Check(library.SetStream(handle, stream), "cublasSetStream");
    }

    /// <summary>Null where the device is not CUDA's or cuBLAS is not installed.</summary>
    public static Cublas? Open(IlgpuBackend backend)
    {
        if (backend.Stream is not CudaStream stream || Library.Load() is not { } library)
        {
            return null;
        }

        // It belongs to whatever context is the thread's own.
        stream.Accelerator.Bind();
        return new Cublas(library, stream.StreamPtr);
    }

    /// <summary>y[t, r] = sum_c x[t, c] w[r, c], all rows dense; x and w bfloat16.</summary>
    /// <exception cref="InvalidOperationException">cuBLAS refuses.</exception>
    public void Multiply(DeviceArray<ushort> x, DeviceArray<ushort> w, DeviceArray<float> y, int count, int rows, int columns)
    {
        // It counts down columns first: to it, what are rows here are columns, and y is rows x count.
        var (one, zero) = (1f, 0f);
        Check(
            _library.GemmEx(
                _handle, Transposed, AsItIs, rows, count, columns, &one, Pointer(w), RealBFloat16, columns, Pointer(x), RealBFloat16, columns,
                &zero, Pointer(y), RealFloat32, rows, ComputeFloat32, DefaultAlgorithm),
            "cublasGemmEx");
    }

    public void Dispose() => _ = _library.Destroy(_handle);

    private static nint Pointer<T>(DeviceArray<T> array)
        where T : unmanaged
        => ((IlgpuArray<T>)array).View.LoadEffectiveAddressAsPtr();

    private static void Check(int status, string function)
    {
        if (status != 0)
        {
            throw new InvalidOperationException($"{function} returned {status}.");
        }
    }

    /// <summary>The functions taken from it. Each returns 0 for success.</summary>
    public sealed class Library
    {
        public required delegate* unmanaged<nint*, int> Create { get; init; }

        public required delegate* unmanaged<nint, int> Destroy { get; init; }

        public required delegate* unmanaged<nint, nint, int> SetStream { get; init; }

        /// <summary>
        /// handle, transa, transb, m, n, k, alpha, A, Atype, lda, B, Btype, ldb, beta, C, Ctype, ldc, computeType, algo.
        /// </summary>
        public required delegate* unmanaged<
            nint, int, int, int, int, int, float*, nint, int, int, nint, int, int, float*, nint, int, int, int, int, int> GemmEx { get; init; }

        /// <summary>Those of the installed library, 11 or newer; null where there is none.</summary>
        public static Library? Load()
        {
            string[] names = OperatingSystem.IsWindows()
                ? ["cublas64_13", "cublas64_12", "cublas64_11"]
                : ["libcublas.so.13", "libcublas.so.12", "libcublas.so.11", "libcublas.so"];
            foreach (var name in names)
            {
                if (NativeLibrary.TryLoad(name, out var library))
                {
                    return new Library
                    {
                        Create = (delegate* unmanaged<nint*, int>)NativeLibrary.GetExport(library, "cublasCreate_v2"),
                        Destroy = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "cublasDestroy_v2"),
                        SetStream = (delegate* unmanaged<nint, nint, int>)NativeLibrary.GetExport(library, "cublasSetStream_v2"),
                        GemmEx = (delegate* unmanaged<
                            nint, int, int, int, int, int, float*, nint, int, int, nint, int, int, float*, nint, int, int, int, int, int>)
                            NativeLibrary.GetExport(library, "cublasGemmEx"),
                    };
                }
            }

            return null;
        }
    }
}
