#!/bin/sh
# Makes the benchmark program for a machine with an NVIDIA GPU: one file, with .NET, kernels and fixtures in it, that needs nothing of that
# machine but the driver. Copy it there and run "deepseek-gpu-benchmark gpu --results ."; cuBLAS, and python3 with torch and transformers,
# are measured beside it where they are installed. Needs the SDK.
#
#     benchmarks/gpu/run.sh DIRECTORY [OPTION VALUE]...    with options, runs it as well: --device cuda, --size smoke, --parts ops,model
set -eu
[ $# -ge 1 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
directory=$(cd "$1" && pwd)
shift

# What is content travels in the file and is unpacked beside the assemblies when the program starts.
published=$(mktemp -d)
trap 'rm -rf "$published"' EXIT
dotnet publish "$root/benchmarks/DeepSeekEngine.Benchmarks" --nologo -v quiet -c Release -r linux-x64 --self-contained \
    -p:PublishSingleFile=true -p:IncludeAllContentForSelfExtract=true -p:EnableCompressionInSingleFile=true -p:DebugType=none -o "$published"
cp "$published/DeepSeekEngine.Benchmarks" "$directory/deepseek-gpu-benchmark"
ls -l "$directory/deepseek-gpu-benchmark"
[ $# -eq 0 ] || "$directory/deepseek-gpu-benchmark" gpu "$@"
