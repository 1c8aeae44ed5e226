using DeepSeekEngine;

var directory = args is [var path, ..] ? path : Path.Combine(AppContext.BaseDirectory, "tiny-r1");
await using var model = await DeepSeekModel.LoadAsync(directory);

var part = ChunkKind.Reasoning;
await foreach (var chunk in model.StreamAsync("What is 47 + 58?"))
{
    Console.Write(chunk.Kind == part ? chunk.Text : $"\n\n{chunk.Text}");
    part = chunk.Kind;
}
