using DeepSeekEngine.Extensions.AI;
using DeepSeekEngine.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using NUnit.Framework;

namespace DeepSeekEngine.Documentation.Tests;

/// <summary>What a sample finds around it, by the names it uses. A declaration of the sample's own comes before these.</summary>
public static class Surroundings
{
#pragma warning disable IDE1006 // Named as the samples name them.
    /// <summary>A loaded model.</summary>
    public static DeepSeekModel model { get; private set; } = null!;

    /// <summary>The model as a chat client.</summary>
    public static IChatClient client => model.AsChatClient();

    /// <summary>An application that is configured and not built yet.</summary>
    public static HostApplicationBuilder builder { get; private set; } = null!;
#pragma warning restore IDE1006

    internal static async Task CreateAsync()
    {
        model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, new EngineOptions { Device = Device.Cpu });
        NewApplication();
    }

    internal static void NewApplication()
    {
        builder = Host.CreateApplicationBuilder();
        builder.Configuration.AddInMemoryCollection([new("DeepSeekEngine:Directory", TestPaths.TinyR1)]);
    }

    /// <summary>Starts the application as a sample has made it, asks its model and stops it.</summary>
    internal static async Task RunApplicationAsync()
    {
        using var application = builder.Build();
        await application.StartAsync();
        var response = await application.Services.GetRequiredService<IChatClient>().GetResponseAsync("What is 47 + 58?");
        Assert.That(response.Text, Is.EqualTo("47 + 58 = 105"));
        await application.StopAsync();
    }

    internal static ValueTask DisposeAsync() => model.DisposeAsync();
}
