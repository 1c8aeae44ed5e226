using Microsoft.Agents.AI;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

var builder = Host.CreateApplicationBuilder(args);
builder.Configuration.AddInMemoryCollection(
    [new("DeepSeekEngine:Directory", args is [var path, ..] ? path : Path.Combine(AppContext.BaseDirectory, "tiny-r1"))]);

builder.Services.AddDeepSeekEngine(builder.Configuration.GetSection("DeepSeekEngine"));
builder.Services.AddHealthChecks().AddDeepSeekEngine();
using var host = builder.Build();
await host.StartAsync();

// The client waits for the model, which loads while the application runs.
AIAgent agent = host.Services.GetRequiredService<IChatClient>().AsAIAgent(name: "Adder");
Console.WriteLine(await agent.RunAsync("What is 47 + 58?", options: new ChatClientAgentRunOptions(new ChatOptions { Temperature = 0 })));
await host.StopAsync();
