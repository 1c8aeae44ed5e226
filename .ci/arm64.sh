#!/usr/bin/env bash
# Runs the sample model on an emulated ARM64 processor: its answer is a hundred greedy tokens that must all come out right.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The C library and compiler runtime for ARM64 are ordinary packages; OpenSSL, which .NET loads, only exists as an ARM64 package.
packages=(qemu-user-static libc6-arm64-cross libgcc-s1-arm64-cross libstdc++6-arm64-cross)
if ! dpkg -s "${packages[@]}" >/dev/null 2>&1; then
    root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    "${root[@]}" apt-get -qq update
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${packages[@]}" >/dev/null
fi
mkdir -p "$work/lists/partial" "$work/app"
arm64=(-qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::Lists="$work/lists" -o APT::Sandbox::User=root)
apt-get "${arm64[@]}" update
(cd "$work" && apt-get "${arm64[@]}" download libssl3 && dpkg -x libssl3*.deb root)
cp "$work"/root/usr/lib/aarch64-linux-gnu/lib*.so* "$work/app"

dotnet publish samples/HelloDeepSeek -c Release -r linux-arm64 --self-contained -o "$work/app" -v quiet
answer=$(timeout 300 qemu-aarch64-static -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH="$work/app:/usr/aarch64-linux-gnu/lib" \
    "$work/app/HelloDeepSeek")
echo "$answer"
grep -q "carry 1 -> 105" <<< "$answer"
grep -q "47 + 58 = 105" <<< "$answer"
