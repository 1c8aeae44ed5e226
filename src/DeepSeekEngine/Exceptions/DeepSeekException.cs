namespace DeepSeekEngine;

/// <summary>Base of every exception this library throws on purpose for a reason other than a wrong argument.</summary>
public abstract class DeepSeekException : Exception
{
    private protected DeepSeekException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
