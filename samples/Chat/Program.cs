using System.Text;
using Chat;
using DeepSeekEngine;

Console.OutputEncoding = Encoding.UTF8;
if (!ChatArguments.TryParse(args, out var arguments, out var problem))
{
    Console.Error.WriteLine(problem);
    Console.Error.WriteLine(ChatArguments.Usage);
    return 2;
}

try
{
    await using var model = await DeepSeekModel.LoadAsync(arguments.Directory, arguments.Engine, new LoadingLine());
    Console.Error.WriteLine($"{model.Info.Architecture}, {model.Info.Layers} layers, {model.Info.Device}");
    var session = new ChatSession(model);
    if (arguments.Question is { } question)
    {
        await session.AskAsync(question);
        return 0;
    }

    const string example = "What is 47 + 58?";
    Console.WriteLine($"> {example}");
    await session.AskAsync(example);

    // Ctrl-C stops the answer that is being given, and the program only where there is none.
    Console.CancelKeyPress += (_, key) => key.Cancel = session.StopAnswer();
    while (ReadQuestion() is { } line)
    {
        await session.AskAsync(line);
    }

    return 0;
}
catch (DeepSeekException exception)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}

static string? ReadQuestion()
{
    if (!Console.IsInputRedirected)
    {
        Console.Write("\n> ");
    }

    return Console.ReadLine();
}
