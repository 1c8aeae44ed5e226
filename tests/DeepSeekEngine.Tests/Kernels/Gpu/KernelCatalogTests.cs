using System.Reflection;
using DeepSeekEngine.Backends.Ilgpu;
using DeepSeekEngine.Kernels.Gpu;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

[TestFixture]
internal sealed class KernelCatalogTests
{
    private static IEnumerable<Type> Parameters
        => KernelCatalog.Gpu.All.Concat(KernelCatalog.Gpu.AllForTensorCores).Select(kernel => kernel.GetParameters()[0].ParameterType).Distinct();

    [Test]
    public void Every_parameter_struct_has_a_kernel_in_the_catalog()
    {
        IEnumerable<Type> parameters = typeof(KernelCatalog).Assembly.GetTypes()
            .Where(type => type.Namespace == typeof(KernelCatalog).Namespace && type.Name.EndsWith("Parameters", StringComparison.Ordinal));
        Assert.That(Parameters, Is.EquivalentTo(parameters));
    }

    [Test]
    public void The_backend_launches_every_kernel_of_the_catalog_and_no_other()
    {
        IEnumerable<Type> launched = typeof(IlgpuBackend).GetFields(BindingFlags.Instance | BindingFlags.NonPublic)
            .Select(field => field.FieldType.IsArray ? field.FieldType.GetElementType()! : field.FieldType)
            .Where(type => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(LoadedKernel<>))
            .Select(type => type.GetGenericArguments()[0]);
        Assert.That(launched, Is.EquivalentTo(Parameters));
    }
}
