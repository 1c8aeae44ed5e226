using DeepSeekEngine;
using DeepSeekEngine.Extensions.AI;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds a model to an application.</summary>
public static class DeepSeekEngineServiceCollectionExtensions
{
    /// <summary>
    /// Adds a model, configured by a section that has the properties of <see cref="DeepSeekEngineOptions"/>. A key that is none of them is
    /// an error.
    /// </summary>
    /// <inheritdoc cref="AddDeepSeekEngine(IServiceCollection, Action{DeepSeekEngineOptions})"/>
    /// <param name="services">The application's services.</param>
    /// <param name="configuration">The section.</param>
    public static IServiceCollection AddDeepSeekEngine(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configuration);
        return Add(services, options => options.Bind(configuration, binder => binder.ErrorOnUnknownConfiguration = true));
    }

    /// <summary>Adds a model, configured by a delegate.</summary>
    /// <remarks>
    /// Adds a <see cref="DeepSeekModelHost"/>, from which the model can be awaited; an <see cref="IChatClient"/>, unless there is one,
    /// which waits for the model; and the <see cref="DeepSeekModel"/> itself, for what is resolved once it is loaded. The options are
    /// checked when the application starts; then the model is loaded while the application runs already.
    /// </remarks>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Sets the options.</param>
    public static IServiceCollection AddDeepSeekEngine(this IServiceCollection services, Action<DeepSeekEngineOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        return Add(services, options => options.Configure(configure));
    }

    /// <summary>
    /// Adds a check that fails until the model is loaded, and for good if that fails. It is made for readiness: its tag is <c>ready</c>.
    /// </summary>
    /// <param name="builder">The application's health checks.</param>
    /// <param name="name">The check's name.</param>
    /// <param name="failureStatus">What it reports while the model is not loaded; null: unhealthy.</param>
    public static IHealthChecksBuilder AddDeepSeekEngine(
        this IHealthChecksBuilder builder, string name = "deepseek_engine", HealthStatus? failureStatus = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddCheck<DeepSeekModelHealthCheck>(name, failureStatus, ["ready"]);
    }

    private static IServiceCollection Add(IServiceCollection services, Action<OptionsBuilder<DeepSeekEngineOptions>> configure)
    {
        var options = services.AddOptions<DeepSeekEngineOptions>().ValidateOnStart();
        configure(options);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<DeepSeekEngineOptions>, DeepSeekEngineOptionsValidator>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, DeepSeekModelPreloader>());
        services.TryAddSingleton<DeepSeekModelHost>();
        services.TryAddSingleton(provider => provider.GetRequiredService<DeepSeekModelHost>().AsChatClient());

        // A factory cannot wait, and blocking in one would hold a thread for as long as loading takes.
        services.TryAddSingleton(provider => provider.GetRequiredService<DeepSeekModelHost>().Model ?? throw new InvalidOperationException(
            $"The model is not loaded. Await {nameof(DeepSeekModelHost)}.{nameof(DeepSeekModelHost.GetAsync)} instead of resolving it, or use "
            + $"the {nameof(IChatClient)}, which waits."));
        return services;
    }
}
