namespace ChatServer;

/// <summary><c>GET /v1/models</c> and <c>GET /v1/models/{id}</c>.</summary>
internal static class ModelEndpoints
{
    public static Task ListAsync(HttpContext context, ServedModel served)
        => context.Response.WriteAsJsonAsync(new ModelList([served.Describe()]), ApiJson.Web.ModelList);

    public static Task GetAsync(HttpContext context, string id, ServedModel served)
    {
        // A slash may be part of a name, and some clients write it as it must be within a segment.
        served.Find(Uri.UnescapeDataString(id));
        return context.Response.WriteAsJsonAsync(served.Describe(), ApiJson.Web.ModelBody);
    }
}
