using DeepSeekEngine;

namespace Chat;

/// <summary>Shows how far loading is, on one line of standard error where that is a screen.</summary>
internal sealed class LoadingLine : IProgress<LoadProgress>
{
    public void Report(LoadProgress progress)
    {
        if (!Console.IsErrorRedirected)
        {
            Console.Error.Write(progress.Stage is LoadStage.Ready
                ? "\r\e[K"
                : $"\r\e[K{progress.Stage}: {progress.BytesDone / 1e6:N0} of {progress.BytesTotal / 1e6:N0} MB");
        }
    }
}
