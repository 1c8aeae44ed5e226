using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using DeepSeekEngine.Kernels.Gpu;

namespace DeepSeekEngine.Tests.Kernels.Gpu;

/// <summary>
/// Executes the PTX of a kernel, without a GPU: what became of it after ILGPU's compiler, which its CPU accelerator does not use. Knows the
/// instructions that kernels for tensor cores have. What hardware leaves open is chosen so that mistakes show: shared memory is at first NaN,
/// warps take turns in random order from barrier to barrier, asynchronous copies come as late as may be, and every access must be aligned and
/// within memory that was announced.
/// </summary>
internal sealed unsafe partial class PtxMachine
{
    private const int WarpSize = 32;

    private static readonly Dictionary<string, Func<ulong, ulong, ulong, ulong>> Operations = new()
    {
        ["add.s32"] = (a, b, _) => (uint)(a + b),
        ["add.s64"] = (a, b, _) => a + b,
        ["add.u64"] = (a, b, _) => a + b,
        ["sub.s32"] = (a, b, _) => (uint)(a - b),
        ["mul.lo.s32"] = (a, b, _) => (uint)(a * b),
        ["mul.lo.s64"] = (a, b, _) => a * b,
        ["mul.wide.u32"] = (a, b, _) => a * b,
        ["mad.lo.u64"] = (a, b, c) => a * b + c,
        ["div.s32"] = (a, b, _) => (uint)((int)a / (int)b),
        ["cvt.s64.s32"] = (a, _, _) => (ulong)(int)a,
        ["cvta.to.global.u64"] = (a, _, _) => a,
        ["mov.b32"] = (a, _, _) => a,
        ["mov.b64"] = (a, _, _) => a,
        ["mov.f32"] = (a, _, _) => a,
        ["and.b32"] = (a, b, _) => a & b,
        ["or.b32"] = (a, b, _) => a | b,
        ["xor.b32"] = (a, b, _) => a ^ b,
        ["and.pred"] = (a, b, _) => a & b,
        ["or.pred"] = (a, b, _) => a | b,
        ["shl.b32"] = (a, b, _) => (uint)a << (int)b,
        ["shl.b64"] = (a, b, _) => a << (int)b,
        ["shr.u32"] = (a, b, _) => (uint)a >> (int)b,
        ["shr.s32"] = (a, b, _) => (uint)((int)a >> (int)b),
        ["selp.b32"] = (a, b, p) => p != 0 ? a : b,
        ["selp.b64"] = (a, b, p) => p != 0 ? a : b,
        ["add.f32"] = (a, b, _) => Bits(Float(a) + Float(b)),
        ["mul.f32"] = (a, b, _) => Bits(Float(a) * Float(b)),
        ["neg.f32"] = (a, _, _) => a ^ 0x80000000u,
        ["div.rn.f32"] = (a, b, _) => Bits(Float(a) / Float(b)),
        ["ex2.approx.f32"] = (a, _, _) => Bits(MathF.Pow(2, Float(a))),
        ["fma.rn.f32"] = (a, b, c) => Bits(MathF.FusedMultiplyAdd(Float(a), Float(b), Float(c))),
        ["fma.rn.bf16x2"] = (a, b, c) => TensorCores.MultiplyAddPairs((uint)a, (uint)b, (uint)c),
    };

    private readonly List<Instruction> program = [];
    private readonly Dictionary<string, int> registers = [];
    private readonly Dictionary<string, int> labels = [];
    private readonly List<(ulong Begin, ulong End)> memory = [];
    private readonly int sharedBytes;
    private readonly string sharedName;

    /// <exception cref="NotSupportedException">There is an instruction this does not know.</exception>
    public PtxMachine(string ptx)
    {
        string body = ptx[ptx.IndexOf(".entry", StringComparison.Ordinal)..];
        body = body[(body.IndexOf('{', StringComparison.Ordinal) + 1)..body.LastIndexOf('}')];
        Match shared = SharedArray().Match(body);
        (sharedName, sharedBytes) = shared.Success
            ? (shared.Groups[1].Value, int.Parse(shared.Groups[2].Value, CultureInfo.InvariantCulture)) : ("", 0);
        foreach (string line in body.Split('\n').Select(line => line.Trim().TrimEnd(';')))
        {
            if (line.EndsWith(':'))
            {
                labels[line[..^1]] = program.Count;
            }
            else if (line.Length > 0 && line[0] is not '.' and not '/')
            {
                program.Add(Decode(line));
            }
        }
    }

    /// <summary>Announces memory that kernels may access.</summary>
    public void Add(IntPtr address, long bytes) => memory.Add(((ulong)address, (ulong)address + (ulong)bytes));

    /// <summary>Executes the kernel for every group of a grid.</summary>
    /// <param name="parameters">The kernel's parameter as it lies in memory.</param>
    public void Launch(int gridX, int gridY, int groupSize, byte[] parameters)
    {
        Random random = new(1);
        for (uint y = 0; y < gridY; y++)
        {
            for (uint x = 0; x < gridX; x++)
            {
                byte[] shared = new byte[sharedBytes];
                Array.Fill(shared, (byte)0xFF);
                Lane[] lanes = [.. Enumerable.Range(0, groupSize).Select(
                    thread => new Lane(registers.Count, (uint)thread, x, y, parameters, shared))];
                Lane[][] warps = [.. lanes.Chunk(WarpSize)];
                while (lanes.Any(lane => !lane.IsDone))
                {
                    random.Shuffle(warps);
                    bool[] waits = Array.ConvertAll(warps, RunToBarrier);
                    Require(waits.Distinct().Count() == 1, "Some warps have met a barrier that others have not.");
                }

                Require(lanes.All(lane => lane.Copies.Count == 0), "Copies were begun and never waited for.");
            }
        }
    }

    /// <summary>Whether the warp waits at a barrier, having not ended.</summary>
    private bool RunToBarrier(Lane[] warp)
    {
        while (true)
        {
            Array.ForEach(warp, RunAlone);
            if (warp.All(lane => lane.IsDone))
            {
                return false;
            }

            Require(warp.Select(lane => (lane.IsDone, lane.Next)).Distinct().Count() == 1, "Lanes of a warp have parted.");
            Instruction together = program[warp[0].Next];
            Array.ForEach(warp, lane => lane.Next++);
            if (together.Warp is null)
            {
                return true;
            }

            together.Warp(warp);
        }
    }

    /// <summary>Executes a lane until it ends or meets an instruction it must execute together with others.</summary>
    private void RunAlone(Lane lane)
    {
        while (!lane.IsDone && program[lane.Next].Alone is { } execute)
        {
            lane.Next++;
            execute(lane);
        }
    }

    private Instruction Decode(string line)
    {
        Match match = Line().Match(line);
        Func<Lane, ulong>? predicate = match.Groups[2].Success ? Operand(match.Groups[2].Value) : null;
        ulong wanted = match.Groups[1].Value == "@!" ? 0u : 1u;
        string name = match.Groups[3].Value;
        string[] operands = [.. Operands().Matches(match.Groups[4].Value).Select(operand => operand.Value.Trim())];
        if (name.StartsWith("bra", StringComparison.Ordinal))
        {
            return new(lane =>
            {
                if (predicate is null || predicate(lane) == wanted)
                {
                    lane.Next = labels[operands[0]];
                }
            });
        }

        Require(predicate is null, line);
        if (name == "bar.sync")
        {
            return new(null);
        }

        return DecodeMatrix(name, operands) ?? new(DecodeAlone(name, operands) ?? throw new NotSupportedException(line));
    }

    private Action<Lane>? DecodeAlone(string name, string[] operands)
    {
        if (name == "ret")
        {
            return static lane => lane.IsDone = true;
        }

        if (name.StartsWith("cp.async", StringComparison.Ordinal))
        {
            return DecodeCopy(name, operands);
        }

        if (Access().Match(name) is { Success: true } access)
        {
            return DecodeAccess(access, operands);
        }

        int target = Register(operands[0]);
        Func<Lane, ulong>[] sources = [.. operands.Skip(1).Select(Operand)];
        if (Comparison().Match(name) is { Success: true } comparison)
        {
            Func<int, bool> holds = comparison.Groups[1].Value switch
            {
                "eq" => order => order == 0,
                "ne" => order => order != 0,
                "lt" or "lo" => order => order < 0,
                "le" or "ls" => order => order <= 0,
                "gt" or "hi" => order => order > 0,
                _ => order => order >= 0,
            };
            Func<ulong, ulong, int> compare = comparison.Groups[2].Value switch
            {
                "s32" => (a, b) => ((int)a).CompareTo((int)b),
                "s64" => (a, b) => ((long)a).CompareTo((long)b),
                _ => (a, b) => a.CompareTo(b),
            };
            return lane => lane.Registers[target] = holds(compare(sources[0](lane), sources[1](lane))) ? 1u : 0u;
        }

        if (!Operations.TryGetValue(name, out var operation))
        {
            return null;
        }

        Func<Lane, ulong> second = sources.Length > 1 ? sources[1] : static _ => 0;
        Func<Lane, ulong> third = sources.Length > 2 ? sources[2] : static _ => 0;
        return lane => lane.Registers[target] = operation(sources[0](lane), second(lane), third(lane));
    }

    private Action<Lane>? DecodeCopy(string name, string[] operands)
    {
        switch (name)
        {
            case "cp.async.cg.shared.global":
                (var target, var source, var bytes) = (Address(operands[0]), Address(operands[1]), Operand(operands[3]));
                Require(operands[2] == "16", "16 bytes are copied at a time.");
                return lane => lane.Copies.Enqueue((lane.Batch, target(lane), source(lane), (int)bytes(lane)));
            case "cp.async.commit_group":
                return static lane => lane.Batch++;
            case "cp.async.wait_group":
                int pending = int.Parse(operands[0], CultureInfo.InvariantCulture);
                return lane =>
                {
                    while (lane.Copies.TryPeek(out var copy) && copy.Batch < lane.Batch - pending)
                    {
                        lane.Copies.Dequeue();
                        Span<byte> shared = Shared(lane, copy.Target, 16);
                        shared.Clear();
                        if (copy.Bytes > 0)
                        {
                            new ReadOnlySpan<byte>(Global(copy.Source, 16), copy.Bytes).CopyTo(shared);
                        }
                    }
                };
            default:
                return null;
        }
    }

    private Action<Lane> DecodeAccess(Match access, string[] operands)
    {
        bool load = access.Groups[1].Value == "ld";
        string space = access.Groups[2].Value;
        int size = access.Groups[4].Value.EndsWith("64", StringComparison.Ordinal) ? 8 : 4;
        string[] values = operands[load ? 0 : 1].Trim('{', '}').Split(", ");
        int bytes = size * values.Length;
        if (space == "param")
        {
            Match place = Offset().Match(operands[1]);
            int offset = place.Success ? int.Parse(place.Groups[1].Value, CultureInfo.InvariantCulture) : 0;
            int target = Register(values[0]);
            return lane => lane.Registers[target] = size == 8
                ? MemoryMarshal.Read<ulong>(lane.Parameters.AsSpan(offset)) : MemoryMarshal.Read<uint>(lane.Parameters.AsSpan(offset));
        }

        Require(size == 4, "Words of 32 bits are loaded and stored.");
        Func<Lane, ulong> address = Address(operands[load ? 1 : 0]);
        Span<uint> Words(Lane lane) => space == "shared"
            ? MemoryMarshal.Cast<byte, uint>(Shared(lane, address(lane), bytes))
            : new Span<uint>(Global(address(lane), bytes), values.Length);
        if (load)
        {
            int[] targets = Array.ConvertAll(values, Register);
            return lane =>
            {
                Span<uint> words = Words(lane);
                for (int i = 0; i < targets.Length; i++)
                {
                    lane.Registers[targets[i]] = words[i];
                }
            };
        }

        Func<Lane, ulong>[] sources = Array.ConvertAll(values, Operand);
        return lane =>
        {
            Span<uint> words = Words(lane);
            for (int i = 0; i < sources.Length; i++)
            {
                words[i] = (uint)sources[i](lane);
            }
        };
    }

    /// <summary>The instructions a warp executes together, as the PTX ISA describes their fragments; null for any other.</summary>
    private Instruction? DecodeMatrix(string name, string[] operands)
    {
        int[] Vector(int operand) => Array.ConvertAll(operands[operand].Trim('{', '}').Split(", "), Register);
        if (name == "ldmatrix.sync.aligned.m8n8.x4.shared.b16")
        {
            int[] targets = Vector(0);
            Func<Lane, ulong> address = Address(operands[1]);
            return new(null, warp =>
            {
                uint[][] rows = [.. warp.Select(lane => MemoryMarshal.Cast<byte, uint>(Shared(lane, address(lane), 16)).ToArray())];
                for (int lane = 0; lane < WarpSize; lane++)
                {
                    for (int i = 0; i < 4; i++)
                    {
                        warp[lane].Registers[targets[i]] = rows[8 * i + lane / 4][lane % 4];
                    }
                }
            });
        }

        if (name == "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32")
        {
            (int[] d, int[] a, int[] b, int[] c) = (Vector(0), Vector(1), Vector(2), Vector(3));
            return new(null, warp =>
            {
                double[] rows = [.. Enumerable.Range(0, 16 * 16).Select(i => Half(
                    warp[i / 16 % 8 * 4 + i % 8 / 2].Registers[a[i / 16 / 8 + i % 16 / 8 * 2]], i))];
                double[] columns = [.. Enumerable.Range(0, 8 * 16).Select(i => Half(
                    warp[i / 16 * 4 + i % 8 / 2].Registers[b[i % 16 / 8]], i))];
                float[] results = new float[WarpSize * 4];
                for (int i = 0; i < results.Length; i++)
                {
                    (int lane, int element) = (i / 4, i % 4);
                    ReadOnlySpan<double> row = rows.AsSpan((lane / 4 + element / 2 * 8) * 16, 16);
                    ReadOnlySpan<double> column = columns.AsSpan((lane % 4 * 2 + element % 2) * 16, 16);
                    results[i] = (float)(Float(warp[lane].Registers[c[element]]) + TensorPrimitives.Dot(row, column));
                }

                for (int i = 0; i < results.Length; i++)
                {
                    warp[i / 4].Registers[d[i % 4]] = Bits(results[i]);
                }
            });
        }

        return null;
    }

    private int Register(string name)
    {
        Require(name[0] == '%', name);
        if (!registers.TryGetValue(name, out int index))
        {
            registers[name] = index = registers.Count;
        }

        return index;
    }

    private Func<Lane, ulong> Operand(string text)
    {
        if (text is "%tid.x" or "%ctaid.x" or "%ctaid.y")
        {
            return text switch
            {
                "%tid.x" => static lane => lane.Thread,
                "%ctaid.x" => static lane => lane.GroupX,
                _ => static lane => lane.GroupY,
            };
        }

        if (text[0] == '%')
        {
            int register = Register(text);
            return lane => lane.Registers[register];
        }

        ulong value = text == sharedName ? 0
            : text.StartsWith("0f", StringComparison.Ordinal) ? uint.Parse(text[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture)
            : text[0] == '-' ? (ulong)long.Parse(text, CultureInfo.InvariantCulture) : ulong.Parse(text, CultureInfo.InvariantCulture);
        return _ => value;
    }

    private Func<Lane, ulong> Address(string text)
    {
        string[] parts = text.Trim('[', ']').Split('+');
        Func<Lane, ulong> register = Operand(parts[0]);
        ulong offset = parts.Length > 1 ? ulong.Parse(parts[1], CultureInfo.InvariantCulture) : 0;
        return lane => register(lane) + offset;
    }

    private void* Global(ulong address, int bytes)
    {
        Require(address % (ulong)bytes == 0, $"{bytes} bytes at {address:x} are not aligned.");
        Require(
            memory.Exists(range => range.Begin <= address && address + (ulong)bytes <= range.End), $"{bytes} bytes at {address:x} are no memory.");
        return (void*)address;
    }

    private static Span<byte> Shared(Lane lane, ulong address, int bytes)
    {
        Require(address % (ulong)bytes == 0, $"{bytes} bytes of shared memory at {address} are not aligned.");
        return lane.Shared.AsSpan(checked((int)address), bytes);
    }

    private static double Half(ulong word, int k) => Float((uint)word >> (k % 2 * 16) << 16);

    private static float Float(ulong bits) => BitConverter.UInt32BitsToSingle((uint)bits);

    private static ulong Bits(float value) => BitConverter.SingleToUInt32Bits(value);

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new InvalidOperationException(message);
        }
    }

    [GeneratedRegex(@"\.shared\s+\.align\s+16\s+\.b8\s+(\w+)\[(\d+)\]")]
    private static partial Regex SharedArray();

    [GeneratedRegex(@"^(?:(@!?)(%p\d+)\s+)?([\w.]+)\s*(.*)$")]
    private static partial Regex Line();

    [GeneratedRegex(@"\{[^}]*\}|[^,\s{}][^,{}]*")]
    private static partial Regex Operands();

    [GeneratedRegex(@"^(ld|st)\.(param|global|shared)(\.v[24])?\.([bf]\d+)$")]
    private static partial Regex Access();

    [GeneratedRegex(@"^setp\.(\w+)\.(\w+)$")]
    private static partial Regex Comparison();

    [GeneratedRegex(@"\+(\d+)\]")]
    private static partial Regex Offset();

    /// <summary>What a lane does alone, or a warp together; neither for a barrier.</summary>
    private sealed record Instruction(Action<Lane>? Alone, Action<Lane[]>? Warp = null);

    private sealed class Lane(int registers, uint thread, uint groupX, uint groupY, byte[] parameters, byte[] shared)
    {
        public ulong[] Registers { get; } = new ulong[registers];

        public uint Thread => thread;

        public uint GroupX => groupX;

        public uint GroupY => groupY;

        public byte[] Parameters => parameters;

        public byte[] Shared => shared;

        public Queue<(int Batch, ulong Target, ulong Source, int Bytes)> Copies { get; } = new();

        public int Batch { get; set; }

        public int Next { get; set; }

        public bool IsDone { get; set; }
    }
}
