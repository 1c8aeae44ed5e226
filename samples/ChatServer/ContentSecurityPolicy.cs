namespace ChatServer;

/// <summary>What a browser may do with the page: run and load the files served here, and nothing else.</summary>
internal static class ContentSecurityPolicy
{
    // No style attribute is allowed either, styles are set by script alone; what makes elements of text goes through the library that takes
    // out what could run.
    public const string Value =
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types dompurify";
}
