using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>A kernel's parameter struct as ILGPU lays it out for CUDA: views are an address and a length.</summary>
internal static class PtxParameters
{
    /// <summary>The struct's bytes. The memory its views have, on ILGPU's CPU accelerator, is announced to the machine.</summary>
    public static byte[] Of<TParameters>(TParameters parameters, PtxMachine machine)
        where TParameters : struct
    {
        List<byte> bytes = [];
        Append(parameters, bytes, machine);
        return [.. bytes];
    }

    private static void Append(object value, List<byte> bytes, PtxMachine machine)
    {
        Pad(bytes, Alignment(value.GetType()));
        switch (value)
        {
            case int number:
                bytes.AddRange(BitConverter.GetBytes(number));
                break;
            case long number:
                bytes.AddRange(BitConverter.GetBytes(number));
                break;
            case IArrayView view:
                IntPtr address = view.Length == 0 ? 0 : (IntPtr)typeof(PtxParameters)
                    .GetMethod(nameof(Address), BindingFlags.NonPublic | BindingFlags.Static)!
                    .MakeGenericMethod(value.GetType().GetGenericArguments()).Invoke(null, [value])!;
                machine.Add(address, view.LengthInBytes);
                bytes.AddRange(BitConverter.GetBytes((long)address));
                bytes.AddRange(BitConverter.GetBytes(view.Length));
                break;
            default:
                foreach (FieldInfo field in Fields(value.GetType()))
                {
                    Append(field.GetValue(value)!, bytes, machine);
                }

                Pad(bytes, Alignment(value.GetType()));
                break;
        }
    }

    private static IntPtr Address<T>(ArrayView<T> view)
        where T : unmanaged
        => view.LoadEffectiveAddressAsPtr();

    private static int Alignment(Type type)
        => type == typeof(int) ? sizeof(int)
            : type == typeof(long) || type.IsAssignableTo(typeof(IArrayView)) ? sizeof(long)
            : Fields(type).Max(field => Alignment(field.FieldType));

    private static FieldInfo[] Fields(Type type) => type.GetFields(BindingFlags.Instance | BindingFlags.Public);

    private static void Pad(List<byte> bytes, int alignment)
    {
        while (bytes.Count % alignment != 0)
        {
            bytes.Add(0);
        }
    }
}
