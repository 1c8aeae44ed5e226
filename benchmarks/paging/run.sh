#!/bin/sh
# Decodes from checkpoints larger than memory, with and without announcing the chosen experts. Writes 4.5 GB to a directory of its own and
# limits memory with a cgroup of its own, so it needs root; both are removed at the end. Options are handed to the command "paging".
set -eu
cd "$(dirname "$0")/../.."
dotnet build -c Release --nologo -v quiet benchmarks/DeepSeekEngine.Benchmarks
bench="dotnet benchmarks/DeepSeekEngine.Benchmarks/bin/Release/net10.0/DeepSeekEngine.Benchmarks.dll"
directory=$(mktemp -d /tmp/deepseek-paging-XXXXXX)

# A group below the one this runs in, so that whatever limits that still holds.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    group=/sys/fs/cgroup/deepseek-paging-$$
    limit=memory.max
else
    group=/sys/fs/cgroup/memory$(sed -n 's/.*:memory://p' /proc/self/cgroup)/deepseek-paging-$$
    limit=memory.limit_in_bytes
fi

clean_up() {
    rm -rf "$directory"
    if [ -d "$group" ]; then
        rmdir "$group"
    fi
}
trap clean_up EXIT
trap 'exit 1' INT TERM

mkdir "$group"
$bench paging --write "$directory"

# measure CHECKPOINT MIB [OPTION VALUE]...: pages some other group has brought in do not count for this one, so they are dropped first.
measure() {
    checkpoint=$1
    mib=$2
    shift 2
    sync "$directory/$checkpoint/model.safetensors"
    dd of="$directory/$checkpoint/model.safetensors" oflag=nocache conv=notrunc,fdatasync count=0 status=none
    echo $((mib << 20)) > "$group/$limit"
    sh -c 'echo $$ > "$0"; exec "$@"' "$group/cgroup.procs" $bench paging --model "$directory/$checkpoint" --memory "${mib}-MiB" "$@"
}

measure bf16 2048 "$@"
measure int4 640 "$@"
for checkpoint in bf16 int4; do
    $bench paging --model "$directory/$checkpoint" "$@"
done
