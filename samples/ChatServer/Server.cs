using System.Text.Json;
using DeepSeekEngine;
using DeepSeekEngine.Extensions.AI;
using Microsoft.AspNetCore.HostFiltering;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using OpenTelemetry.Metrics;

namespace ChatServer;

/// <summary>The application: its services, and the way of a request through it.</summary>
internal static class Server
{
    /// <param name="args">As <see cref="CommandLine"/> describes them; they precede the environment, and that appsettings.json.</param>
    /// <exception cref="ArgumentException">An argument is not known.</exception>
    public static WebApplication Build(string[] args)
    {
        var settings = CommandLine.Read(args);
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.AddInMemoryCollection(settings);
        var model = builder.Configuration.GetSection("DeepSeekEngine");
        model["Directory"] ??= Path.Combine(AppContext.BaseDirectory, "tiny-r1");
        AddServices(builder, model);
        var app = builder.Build();
        Use(app);
        return app;
    }

    /// <summary>Whether what the application ended with is for whoever started it to put right, and not a fault of the program.</summary>
    public static bool IsMisconfigured(Exception exception)
        => exception is ArgumentException or OptionsValidationException or IOException
            or InvalidOperationException { Source: "Microsoft.Extensions.Configuration.Binder" };

    private static void AddServices(WebApplicationBuilder builder, IConfigurationSection model)
    {
        var services = builder.Services;
        services.AddOptions<ServerOptions>()
            .Bind(builder.Configuration.GetSection(ServerOptions.Section), binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateDataAnnotations().ValidateOnStart();
        services.AddDeepSeekEngine(model);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<ServedModel>();
        services.AddSingleton<Shutdown>();
        services.AddHealthChecks().AddDeepSeekEngine();
        services.AddOpenTelemetry().WithMetrics(metrics => metrics
            .AddMeter("DeepSeekEngine", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel").AddPrometheusExporter());
        RateLimits.Add(services);

        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            var options = kestrel.ApplicationServices.GetRequiredService<IOptions<ServerOptions>>().Value;
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.MaxRequestBytes;
            kestrel.Limits.MaxConcurrentConnections = options.MaxConnections;
        });
        services.AddOptions<HostOptions>().Configure<IOptions<ServerOptions>>((host, options)
            => host.ShutdownTimeout = TimeSpan.FromSeconds(options.Value.DrainSeconds) + Shutdown.Farewell);

        // A page of another site can make its name lead here, but not make a browser say another name than that.
        services.AddOptions<HostFilteringOptions>().Configure<IServer>((filter, server) =>
        {
            filter.IncludeFailureMessage = false;
            filter.AllowedHosts = builder.Configuration["AllowedHosts"]?.Split(';')
                ?? (ListeningAddresses.AreLoopback(server) ? ["localhost", "127.0.0.1", "[::1]"] : ["*"]);
        });
    }

    private static void Use(WebApplication app)
    {
        app.Lifetime.ApplicationStarted.Register(() => ListeningAddresses.Warn(app));
        app.UseMiddleware<SecurityHeaders>();
        app.UseMiddleware<ApiErrors>();
        app.UseDefaultFiles();
        app.UseStaticFiles();
        app.UseRouting();
        app.UseRateLimiter();
        app.UseMiddleware<ApiKey>();

        app.MapHealthChecks("/health", new() { Predicate = _ => false }).AllowAnonymous();
        app.MapHealthChecks("/health/ready", new() { Predicate = check => check.Tags.Contains("ready") }).AllowAnonymous();
        app.MapPrometheusScrapingEndpoint();
        var api = app.MapGroup("/v1").RequireRateLimiting(RateLimits.Policy);
        api.MapPost("/chat/completions", ChatEndpoint.AnswerAsync);
        api.MapPost("/completions", CompletionEndpoint.AnswerAsync);
        api.MapGet("/models", ModelEndpoints.ListAsync);
        api.MapGet("/models/{**id}", ModelEndpoints.GetAsync);
    }
}
