using System.Diagnostics;
using Spectre.Console;

namespace DeepSeekEngine.Tool;

/// <summary>Work whose progress is shown in bytes and bytes a second, on standard error where that is a screen.</summary>
internal static class LoadingBar
{
    public static async Task<DeepSeekModel> LoadAsync(string directory, EngineOptions options, Terminal terminal)
    {
        var watch = Stopwatch.StartNew();
        var model = await ShowAsync(
            terminal, "Loading",
            (show, cancellation) => DeepSeekModel.LoadAsync(
                directory, options, new Report<LoadProgress>(p => show(p.BytesDone, p.BytesTotal)), cancellation));
        terminal.Remark(
            $"{model.Info.Name}: {model.Info.Architecture}, {model.Info.Layers} layers, {Units.Bytes(model.Info.WeightBytes)} "
            + $"in {Units.Seconds(watch.Elapsed)}, context {Units.Number((long)model.Info.ContextLength)}, {model.Info.Device}");
        return model;
    }

    /// <summary>Shows the progress of work that tells of bytes done and bytes in all, the latter 0 while unknown. Ctrl-C cancels it.</summary>
    public static Task<T> ShowAsync<T>(Terminal terminal, string name, Func<Action<long, long>, CancellationToken, Task<T>> work)
        => terminal.CancellableAsync(cancellation => terminal.ShowsProgress
            ? terminal.Error.Progress()
                .AutoClear(true)
                .Columns(
                    new TaskDescriptionColumn(), new ProgressBarColumn(), new DownloadedColumn { Base = FileSizeBase.Decimal },
                    new TransferSpeedColumn { Base = FileSizeBase.Decimal })
                .StartAsync(context =>
                {
                    var bar = context.AddTask(name);
                    return work(
                        (done, total) =>
                        {
                            bar.MaxValue = Math.Max(total, 1);
                            bar.Value = done;
                        },
                        cancellation);
                })
            : work((_, _) => { }, cancellation));

    /// <summary>Progress that is shown by the thread that makes it, in its order.</summary>
    public sealed class Report<T>(Action<T> show) : IProgress<T>
    {
        void IProgress<T>.Report(T value) => show(value);
    }
}
