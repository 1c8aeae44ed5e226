using System.Runtime.InteropServices;

namespace DeepSeekEngine.Benchmarks.Compare;

/// <summary>
/// The functions of llama.cpp's C interface that timing it takes, from a directory with its shared libraries. Structures whose fields
/// differ from release to release are passed on as the library's own functions filled them.
/// </summary>
internal sealed unsafe class LlamaLibrary
{
    public readonly delegate* unmanaged<Structure> ModelDefaultParameters;
    public readonly delegate* unmanaged<Structure> ContextDefaultParameters;
    public readonly delegate* unmanaged<byte*, Structure, nint> LoadModel;
    public readonly delegate* unmanaged<nint, Structure, nint> CreateContext;
    public readonly delegate* unmanaged<nint, void> FreeModel;
    public readonly delegate* unmanaged<nint, void> FreeContext;
    public readonly delegate* unmanaged<nint, int, int, void> SetThreads;
    public readonly delegate* unmanaged<nint, nint, nint, void> AttachThreadPool;
    public readonly delegate* unmanaged<int*, int, Batch> BatchOf;
    public readonly delegate* unmanaged<nint, Batch, int> Decode;
    public readonly delegate* unmanaged<nint, float*> Logits;
    public readonly delegate* unmanaged<nint, nint> Memory;
    public readonly delegate* unmanaged<nint, int, int, int, byte> RemoveFromMemory;
    public readonly delegate* unmanaged<ThreadPoolParameters*, nint> CreateThreadPool;

    /// <exception cref="FileNotFoundException">A library is not in the directory.</exception>
    public LlamaLibrary(string directory)
    {
        directory = Path.GetFullPath(directory);
        Load(directory, "libggml-base*");
        var ggml = Load(directory, "libggml.*");
        var llama = Load(directory, "libllama.*");
        ((delegate* unmanaged<nint, nint, void>)NativeLibrary.GetExport(llama, "llama_log_set"))((nint)(delegate* unmanaged<int, byte*, nint, void>)&Log, 0);
        ((delegate* unmanaged<void>)NativeLibrary.GetExport(llama, "llama_backend_init"))();
        WithText(directory, text => ((delegate* unmanaged<byte*, void>)NativeLibrary.GetExport(ggml, "ggml_backend_load_all_from_path"))(text));
        ModelDefaultParameters = (delegate* unmanaged<Structure>)NativeLibrary.GetExport(llama, "llama_model_default_params");
        ContextDefaultParameters = (delegate* unmanaged<Structure>)NativeLibrary.GetExport(llama, "llama_context_default_params");
        LoadModel = (delegate* unmanaged<byte*, Structure, nint>)NativeLibrary.GetExport(llama, "llama_model_load_from_file");
        CreateContext = (delegate* unmanaged<nint, Structure, nint>)NativeLibrary.GetExport(llama, "llama_init_from_model");
        FreeModel = (delegate* unmanaged<nint, void>)NativeLibrary.GetExport(llama, "llama_model_free");
        FreeContext = (delegate* unmanaged<nint, void>)NativeLibrary.GetExport(llama, "llama_free");
        SetThreads = (delegate* unmanaged<nint, int, int, void>)NativeLibrary.GetExport(llama, "llama_set_n_threads");
        AttachThreadPool = (delegate* unmanaged<nint, nint, nint, void>)NativeLibrary.GetExport(llama, "llama_attach_threadpool");
        BatchOf = (delegate* unmanaged<int*, int, Batch>)NativeLibrary.GetExport(llama, "llama_batch_get_one");
        Decode = (delegate* unmanaged<nint, Batch, int>)NativeLibrary.GetExport(llama, "llama_decode");
        Logits = (delegate* unmanaged<nint, float*>)NativeLibrary.GetExport(llama, "llama_get_logits");
        Memory = (delegate* unmanaged<nint, nint>)NativeLibrary.GetExport(llama, "llama_get_memory");
        RemoveFromMemory = (delegate* unmanaged<nint, int, int, int, byte>)NativeLibrary.GetExport(llama, "llama_memory_seq_rm");

        // Which build of the processor's backend was chosen only ggml knows, so the function is asked for by its registry.
        nint registry = 0;
        WithText("CPU", text => registry = ((delegate* unmanaged<byte*, nint>)NativeLibrary.GetExport(ggml, "ggml_backend_reg_by_name"))(text));
        CreateThreadPool = (delegate* unmanaged<ThreadPoolParameters*, nint>)Procedure(ggml, registry, "ggml_threadpool_new");
    }

    /// <summary>Parameters that are only handed from one function of the library to another, by value: larger than any of them.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 1024)]
    public struct Structure
    {
        public fixed uint Words[256];
    }

    /// <summary>llama_batch: tokens and what is known of each.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Batch
    {
        public int Count;
        public nint Tokens;
        public nint Embeddings;
        public nint Positions;
        public nint SequenceCounts;
        public nint SequenceIds;
        public nint Outputs;
    }

    /// <summary>ggml_threadpool_params.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct ThreadPoolParameters
    {
        public fixed byte Processors[512];
        public int Threads;
        public int Priority;
        public uint Polling;
        public byte OneProcessorEach;
        public byte Paused;
    }

    /// <summary>Calls with UTF-8 text that ends in a zero.</summary>
    public static void WithText(string text, TextAction action)
    {
        var pointer = (byte*)Marshal.StringToCoTaskMemUTF8(text);
        try
        {
            action(pointer);
        }
        finally
        {
            Marshal.FreeCoTaskMem((nint)pointer);
        }
    }

    public delegate void TextAction(byte* text);

    private static nint Procedure(nint ggml, nint registry, string name)
    {
        nint found = 0;
        WithText(name, text => found = ((delegate* unmanaged<nint, byte*, nint>)NativeLibrary.GetExport(ggml, "ggml_backend_reg_get_proc_address"))(registry, text));
        return found != 0 ? found : throw new EntryPointNotFoundException($"llama.cpp has no {name}.");
    }

    private static nint Load(string directory, string pattern)
        => NativeLibrary.Load(Directory.EnumerateFiles(directory, pattern).FirstOrDefault()
            ?? throw new FileNotFoundException($"{directory} has no {pattern}; run benchmarks/llama/fetch.sh."));

    [UnmanagedCallersOnly]
    private static void Log(int level, byte* text, nint data)
    {
        // Warnings and errors; what it says of itself while it loads is of no use in a table.
        const int warning = 3, error = 4;
        if (level is warning or error || Environment.GetEnvironmentVariable("LLAMA_LOG") is not null)
        {
            Console.Error.Write(Marshal.PtrToStringUTF8((nint)text));
        }
    }
}
