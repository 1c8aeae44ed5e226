#!/bin/sh
# Steps over checkpoints larger than memory, with and without announcing the chosen experts. Writes 4.8 GB to a directory of its own and
# limits memory with a cgroup of its own, so it needs root; both are removed at the end. Options are handed to the command "paging".
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
dotnet build -c Release --nologo -v quiet "$root/benchmarks/DeepSeekEngine.Benchmarks"
directory=$(mktemp -d /tmp/deepseek-paging-XXXXXX)

# Where version 1 of cgroups has the memory, a group below the one this runs in, so that whatever limits that still holds; version 2 has
# none below a group with processes.
if [ -e /sys/fs/cgroup/memory ]; then
    group=/sys/fs/cgroup/memory$(sed -n 's/.*:memory://p' /proc/self/cgroup)
    limit=memory.limit_in_bytes
else
    group=/sys/fs/cgroup
    limit=memory.max
fi
group=$group/deepseek-paging-$$

clean_up() {
    rm -rf "$directory"
    if [ -d "$group" ]; then
        rmdir "$group"
    fi
}
trap clean_up EXIT
trap 'exit 1' INT TERM

mkdir "$group"

# Paths in reports are then the same on every machine.
ln -s "$root/benchmarks" "$directory/benchmarks"
cd "$directory"
bench="dotnet benchmarks/DeepSeekEngine.Benchmarks/bin/Release/net10.0/DeepSeekEngine.Benchmarks.dll"
$bench paging --write .

# Takes a checkpoint out of memory: pages that another group has brought in would not count for this one.
drop() {
    dd of="$1/model.safetensors" oflag=nocache conv=notrunc,fdatasync count=0 status=none
}

# limited CHECKPOINT MIB [OPTION VALUE]...
limited() {
    checkpoint=$1
    mib=$2
    shift 2
    drop "$checkpoint"
    echo $((mib << 20)) > "$group/$limit"
    sh -c 'echo $$ > "$0"; exec "$@"' "$group/cgroup.procs" $bench paging --model "$checkpoint" --memory "${mib}-MiB" "$@"
}

limited bf16 2048 "$@"
limited int4 640 "$@"
drop bf16
drop int4
$bench paging --model bf16,int4 "$@"
