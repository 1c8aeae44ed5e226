using DeepSeekEngine.Backends.Ilgpu;

namespace DeepSeekEngine.OpenCL.Tests;

/// <summary>Devices that are not there. In this process, because the refusal lists the OpenCL devices there are.</summary>
public sealed class DeviceTests
{
    [TestCase(99)]
    [TestCase(-1)]
    public void A_cuda_device_that_does_not_exist_is_unavailable(int index)
        => Assert.That(
            () => IlgpuBackend.CreateCuda(index),
            Throws.TypeOf<DeviceUnavailableException>()
                .With.Message.Contains($"CUDA device {index}")
                .And.Property(nameof(DeviceUnavailableException.DevicesFound)).EqualTo(IlgpuDevices.Names));

    [Test]
    public void Without_cuda_the_first_cuda_device_is_unavailable()
    {
        if (IlgpuDevices.Cuda.Count > 0)
        {
            Assert.Ignore("This machine has a CUDA device.");
        }

        Assert.That(() => IlgpuBackend.CreateCuda(0), Throws.TypeOf<DeviceUnavailableException>());
    }

    [Test]
    public void An_opencl_device_that_does_not_exist_is_unavailable()
        => Assert.That(() => IlgpuBackend.CreateOpenCl(99), Throws.TypeOf<DeviceUnavailableException>());

    [Test]
    public async Task A_model_asked_onto_a_device_that_does_not_exist_says_which_devices_there_are()
    {
        var refusal = await Assert.ThrowsAsync<DeviceUnavailableException>(
            () => DeepSeekModel.LoadAsync(Testing.TestPaths.TinyR1, new EngineOptions { Device = Device.OpenCL, DeviceIndex = 99 }));
        Assert.That(refusal!.DevicesFound, Is.EqualTo(IlgpuDevices.Names));
    }
}
