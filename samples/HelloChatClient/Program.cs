using DeepSeekEngine;
using DeepSeekEngine.Extensions.AI;
using Microsoft.Extensions.AI;

var directory = args is [var path, ..] ? path : Path.Combine(AppContext.BaseDirectory, "tiny-r1");
await using var model = await DeepSeekModel.LoadAsync(directory);

IChatClient client = model.AsChatClient();
var response = await client.GetResponseAsync(
    "What is 47 + 58?", new ChatOptions { Temperature = 0, Reasoning = new() { Effort = ReasoningEffort.Medium } });
Console.WriteLine($"{response.Text} ({response.Usage?.ReasoningTokenCount} tokens of reasoning)");
