using DeepSeekEngine.Testing;
using Microsoft.Extensions.AI;
using NUnit.Framework;

namespace DeepSeekEngine.Extensions.AI.Tests;

/// <summary>Tests of the sample model as a chat client.</summary>
public abstract class SampleModelTests
{
    protected const string Question = "What is 47 + 58?";

    private protected DeepSeekModel _model;
    private protected IChatClient _client;

    [OneTimeSetUp]
    public async Task Load()
    {
        _model = await DeepSeekModel.LoadAsync(TestPaths.TinyR1, new() { Device = Device.Cpu });
        _client = _model.AsChatClient();
    }

    [OneTimeTearDown]
    public async Task Free()
    {
        _client.Dispose();
        await _model.DisposeAsync();
    }
}
