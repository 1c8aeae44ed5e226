namespace DeepSeekEngine;

/// <summary>Where the routed experts of a mixture-of-experts model are computed, which are most of its weights.</summary>
public enum ExpertPlacement
{
    /// <summary>On the device, unless they do not fit there while the rest of the model does.</summary>
    Auto,

    /// <summary>On the device, with the rest of the model.</summary>
    Device,

    /// <summary>On the CPU, from weights where they lie in their files, while a GPU computes the rest.</summary>
    Host,
}
