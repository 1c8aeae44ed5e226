#!/usr/bin/env bash
# Runs the kernels that are emitted at run time on an emulated processor that has AMX and AVX-512 with VNNI and BF16, and compares every
# bit with their scalar twins. Needs the unit tests built.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Bochs knows BF16 since 3.0, which is newer than some systems this runs on: it is unpacked with all it needs, C library included, and
# nothing is installed.
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root"
touch "$work/status"
mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Component: main' | grep -v -e -security | cut -d' ' -f1 | sed -n 1p)
echo "deb $mirror trixie main" > "$work/sources.list"
apt=(-qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$work/lists"
    -o Dir::State::Status="$work/status" -o Dir::Cache="$work/cache" -o APT::Architecture=amd64 -o APT::Architectures=amd64
    -o APT::Sandbox::User=root -o Debug::NoLocking=1)
apt-get "${apt[@]}" update
apt-get "${apt[@]}" install -y --no-install-recommends --download-only bochs bochs-term bochsbios vgabios >/dev/null
for package in "$work"/cache/archives/*.deb; do
    dpkg -x "$package" "$work/root"
done
libraries=$work/root/usr/lib/x86_64-linux-gnu
cat > "$work/bochs" <<LAUNCHER
#!/bin/sh
export LTDL_LIBRARY_PATH=$libraries/bochs/plugins BXSHARE=$work/root/usr/share/bochs
exec $libraries/ld-linux-x86-64.so.2 --library-path $libraries $work/root/usr/bin/bochs-bin "\$@"
LAUNCHER
chmod +x "$work/bochs"

BOCHS=$work/bochs dotnet test tests/DeepSeekEngine.Tests --no-build --nologo --filter TestCategory=Emulated
