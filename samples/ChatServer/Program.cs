using ChatServer;
using DeepSeekEngine;
using DeepSeekEngine.Extensions.AI;

try
{
    await using var app = Server.Build(args);
    await app.StartAsync();

    // It answers while it loads, but not for good if that fails.
    await app.Services.GetRequiredService<DeepSeekModelHost>().GetAsync(app.Lifetime.ApplicationStopping);
    await app.WaitForShutdownAsync();
    return 0;
}
catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
{
    // Stopped before it was loaded.
    return 0;
}
catch (DeepSeekException exception)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}
catch (Exception exception) when (Server.IsMisconfigured(exception))
{
    Console.Error.WriteLine(exception.Message);
    return 2;
}
