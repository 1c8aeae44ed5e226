using DeepSeekEngine.Testing;

namespace DeepSeekEngine.OpenCL.Tests;

/// <summary>What loading a model onto a GPU tells of its kernels.</summary>
internal sealed class OpenClLoadProgressTests
{
    [Test]
    public async Task Loading_tells_how_many_kernels_are_compiled()
    {
        OpenClDevice.Require();
        var reports = new List<LoadProgress>();
        await using var model = await DeepSeekModel.LoadAsync(
            TestPaths.TinyR1, new EngineOptions { Device = Device.OpenCL, ContextLength = 64 }, new Immediate(reports));
        var compiling = reports.Where(report => report.KernelsTotal > 0).ToList();
        Assert.That(compiling.Select(report => report.Stage), Is.All.EqualTo(LoadStage.Preparing));
        Assert.That(compiling.Select(report => report.KernelsDone), Is.EqualTo(Enumerable.Range(0, compiling[0].KernelsTotal + 1)));
        Assert.That(compiling.Select(report => report.KernelsTotal).Distinct().ToList(), Has.Count.EqualTo(1));
        Assert.That(reports.IndexOf(compiling[0]), Is.GreaterThan(reports.FindLastIndex(report => report.Stage == LoadStage.LoadingWeights)));
        Assert.That(reports[^1].Stage, Is.EqualTo(LoadStage.Ready));
    }

    /// <summary>Unlike <see cref="Progress{T}"/> it is told at once and in order.</summary>
    private sealed class Immediate(List<LoadProgress> reports) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value) => reports.Add(value);
    }
}
