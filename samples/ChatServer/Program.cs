using ChatServer;

try
{
    await Server.Build(args).RunAsync();
    return 0;
}
catch (Exception exception) when (Server.IsMisconfigured(exception))
{
    Console.Error.WriteLine(exception.Message);
    return 2;
}
