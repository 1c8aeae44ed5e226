namespace ChatServer;

/// <summary>What a caller is told instead of an answer.</summary>
internal sealed class ApiException(int status, string message, string? param = null, string? code = null) : Exception(message)
{
    /// <summary>HTTP's status code.</summary>
    public int Status { get; } = status;

    /// <summary>The field of the request at fault, if it is one.</summary>
    public string? Param { get; } = param;

    /// <summary>What went wrong, for programs; null where the status says it.</summary>
    public string? Code { get; } = code;

    /// <summary>How long to wait before another try; null where that would not help.</summary>
    public TimeSpan? RetryAfter { get; init; }

    public ErrorBody Body => new(new ErrorDetails(Message, TypeOf(Status), Param, Code));

    public static ApiException BadRequest(string message, string? param, string code = "invalid_value")
        => new(StatusCodes.Status400BadRequest, message, param, code);

    public static ApiException NotSupported(string param, string? advice = null)
        => BadRequest($"'{param}' is not supported here.{(advice is null ? "" : $" {advice}")}", param, "unsupported_parameter");

    /// <summary>What the engine says of an argument, without the name that has there.</summary>
    public static ApiException BadRequest(Exception exception, string? param, string code = "invalid_value")
        => BadRequest(exception.Message.Split(" (Parameter '", 2)[0], param, code);

    private static string TypeOf(int status) => status switch
    {
        StatusCodes.Status401Unauthorized => "authentication_error",
        StatusCodes.Status429TooManyRequests => "rate_limit_error",
        >= 500 => "server_error",
        _ => "invalid_request_error",
    };
}
