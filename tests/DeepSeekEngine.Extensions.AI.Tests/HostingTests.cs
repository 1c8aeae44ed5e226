using DeepSeekEngine.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using NUnit.Framework;

namespace DeepSeekEngine.Extensions.AI.Tests;

public sealed class HostingTests
{
    [Test]
    public async Task An_application_gets_its_model_from_configuration()
    {
        var log = new RecordingLogger();
        using var host = Build(log, ("Directory", TestPaths.TinyR1), ("Device", "Cpu"), ("ContextLength", "256"), ("Threads", "1"));
        await host.StartAsync();
        var client = host.Services.GetRequiredService<IChatClient>();
        var response = await client.GetResponseAsync("What is 47 + 58?", new() { Temperature = 0 });
        Assert.That(response.Text, Is.EqualTo("47 + 58 = 105"));

        var model = host.Services.GetRequiredService<DeepSeekModel>();
        Assert.That(model.Info.ContextLength, Is.EqualTo(256));
        Assert.That(await host.Services.GetRequiredService<DeepSeekModelHost>().GetAsync(), Is.SameAs(model));
        Assert.That(client.GetService<DeepSeekModel>(), Is.SameAs(model));
        Assert.That((await Health(host)).Status, Is.EqualTo(HealthStatus.Healthy));
        Assert.That(log.Lines.Count(line => line.Contains(nameof(LoadStage.LoadingWeights), StringComparison.Ordinal)), Is.InRange(2, 12));

        await host.StopAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => model.GenerateAsync("What is 1 + 1?"));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.GetResponseAsync("What is 1 + 1?"));
    }

    [Test]
    public void Every_option_of_the_engine_can_be_configured()
    {
        var configured = new Dictionary<string, object>
        {
            ["Device"] = Device.OpenCL, ["DeviceIndex"] = 3, ["DeviceCount"] = 2, ["DeviceMemoryLimit"] = 5_000_000_000,
            ["Experts"] = ExpertPlacement.Host, ["Weights"] = WeightFormat.Int4, ["KvCache"] = KvCachePrecision.Int8, ["ContextLength"] = 77,
            ["Threads"] = 5,
            ["MaxConcurrentRequests"] = 9, ["MaxQueuedRequests"] = 11, ["CacheTokens"] = 4096, ["SpeculativeDecoding"] = false,
            ["PrefillChunk"] = 33,
        };
        var bound = new ConfigurationBuilder()
            .AddInMemoryCollection(configured.Select(pair => KeyValuePair.Create(pair.Key, pair.Value.ToString())))
            .Build().Get<DeepSeekEngineOptions>()!.ToEngineOptions();
        Assert.That(
            typeof(EngineOptions).GetProperties().Where(property => property.Name is not nameof(EngineOptions.LoggerFactory))
                .Select(property => (property.Name, property.GetValue(bound))),
            Is.EquivalentTo(configured.Select(pair => (pair.Key, pair.Value))));
    }

    [Test]
    public async Task The_model_is_not_ready_while_it_loads()
    {
        var log = new RecordingLogger { HoldAt = nameof(LoadStage.LoadingWeights) };
        using var host = Build(log, ("Directory", TestPaths.TinyR1), ("Device", "Cpu"));
        await host.StartAsync();
        await log.Held.Task;
        var loading = await Health(host);
        Assert.That(loading.Status, Is.EqualTo(HealthStatus.Unhealthy));
        Assert.That(loading.Description, Does.Contain(nameof(LoadStage.LoadingWeights)));
        Assert.That(() => host.Services.GetRequiredService<DeepSeekModel>(), Throws.InvalidOperationException.With.Message.Contains("GetAsync"));
        var modelHost = host.Services.GetRequiredService<DeepSeekModelHost>();
        Assert.That(modelHost.Model, Is.Null);
        Assert.That(modelHost.Failure, Is.Null);
        Assert.That(modelHost.Progress.Stage, Is.EqualTo(LoadStage.LoadingWeights));

        var waiting = host.Services.GetRequiredService<IChatClient>().GetResponseAsync("What is 47 + 58?", new() { Temperature = 0 });
        Assert.That(waiting.IsCompleted, Is.False);
        log.Release.Set();
        Assert.That((await waiting).Text, Is.EqualTo("47 + 58 = 105"));
        Assert.That((await Health(host)).Status, Is.EqualTo(HealthStatus.Healthy));
        await host.StopAsync();
    }

    [Test]
    public async Task Stopping_while_loading_stops_loading()
    {
        var log = new RecordingLogger { HoldAt = nameof(LoadStage.LoadingWeights) };
        using var host = Build(log, ("Directory", TestPaths.TinyR1), ("Device", "Cpu"));
        await host.StartAsync();
        await log.Held.Task;
        var waiting = host.Services.GetRequiredService<DeepSeekModelHost>().GetAsync();
        var stopping = host.StopAsync();
        log.Release.Set();
        await stopping;
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
    }

    [Test]
    public async Task A_model_that_does_not_load_is_reported_and_ends_nothing()
    {
        var missing = Path.Combine(TestPaths.RepositoryRoot, "no-such-model");
        using var host = Build(new RecordingLogger(), ("Directory", missing), ("Device", "Cpu"));
        await host.StartAsync();
        await Assert.ThrowsAsync<ModelFormatException>(() => host.Services.GetRequiredService<IChatClient>().GetResponseAsync("?"));
        var health = await Health(host);
        Assert.That(health.Status, Is.EqualTo(HealthStatus.Unhealthy));
        Assert.That(health.Exception, Is.TypeOf<ModelFormatException>());
        Assert.That(host.Services.GetRequiredService<DeepSeekModelHost>().Failure, Is.SameAs(health.Exception));
        await host.StopAsync();
    }

    [TestCase("Directory", "")]
    [TestCase("ModelId", " ")]
    [TestCase("Threads", "0")]
    [TestCase("ContextLength", "1")]
    [TestCase("MaxConcurrentRequests", "5000")]
    [TestCase("Device", "7")]
    public void Wrong_options_keep_the_application_from_starting(string key, string value)
    {
        using var host = Build(new RecordingLogger(), ("Directory", TestPaths.TinyR1), (key, value));
        Assert.That(() => host.StartAsync(), Throws.TypeOf<OptionsValidationException>().With.Message.Contains(key));
    }

    [Test]
    public void A_misspelt_key_keeps_the_application_from_starting()
    {
        using var host = Build(new RecordingLogger(), ("Directory", TestPaths.TinyR1), ("Tread", "3"));
        Assert.That(() => host.StartAsync(), Throws.InvalidOperationException.With.Message.Contains("Tread"));
    }

    [Test]
    public async Task Without_a_host_the_model_loads_when_asked_for()
    {
        await using var services = new ServiceCollection()
            .AddDeepSeekEngine(options => (options.Directory, options.Device, options.ModelId) = (TestPaths.TinyR1, Device.Cpu, "adder"))
            .BuildServiceProvider();
        var response = await services.GetRequiredService<IChatClient>().GetResponseAsync("What is 47 + 58?", new() { Temperature = 0 });
        Assert.That(response.ModelId, Is.EqualTo("adder"));
    }

    [Test]
    public async Task An_application_can_put_its_own_client_in_front()
    {
        var services = new ServiceCollection().AddDeepSeekEngine(options => options.Directory = TestPaths.TinyR1);
        services.AddChatClient(provider => provider.GetRequiredService<DeepSeekModelHost>().AsChatClient()).UseOpenTelemetry();
        await using var provider = services.BuildServiceProvider();
        Assert.That(provider.GetRequiredService<IChatClient>(), Is.InstanceOf<OpenTelemetryChatClient>());
    }

    private static IHost Build(RecordingLogger log, params (string Key, string Value)[] settings)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders().AddProvider(log);
        foreach (var (key, value) in settings)
        {
            builder.Configuration[$"DeepSeekEngine:{key}"] = value;
        }

        builder.Services.AddDeepSeekEngine(builder.Configuration.GetSection("DeepSeekEngine"));
        builder.Services.AddHealthChecks().AddDeepSeekEngine();
        return builder.Build();
    }

    private static async Task<HealthReportEntry> Health(IHost host)
        => (await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync()).Entries["deepseek_engine"];
}
