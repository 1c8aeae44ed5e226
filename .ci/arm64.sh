#!/usr/bin/env bash
# On an emulated ARM64 processor: runs the sample model, whose answer is a hundred greedy tokens that must all come out right, and tests the
# kernels that are written in its instructions.
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
mkdir -p "$work/lists/partial" "$work/app" "$work/tests" "$work/lib"
arm64=(-qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::Lists="$work/lists" -o APT::Sandbox::User=root)
apt-get "${arm64[@]}" update
(cd "$work" && apt-get "${arm64[@]}" download libssl3 && dpkg -x libssl3*.deb root)
cp "$work"/root/usr/lib/aarch64-linux-gnu/lib*.so* "$work/lib"

# A processor with AdvSimd and its dot product. The emulator does not notice code that is written at another address than it runs at.
emulate() {
    timeout 300 qemu-aarch64-static -cpu cortex-a76 -L /usr/aarch64-linux-gnu -E DOTNET_EnableWriteXorExecute=0 \
        -E LD_LIBRARY_PATH="$work/lib:/usr/aarch64-linux-gnu/lib" "$@"
}

dotnet publish samples/HelloDeepSeek -c Release -r linux-arm64 --self-contained -o "$work/app" -v quiet
answer=$(emulate "$work/app/HelloDeepSeek")
echo "$answer"
grep -q "carry 1 -> 105" <<< "$answer"
grep -q "47 + 58 = 105" <<< "$answer"

dotnet publish tests/DeepSeekEngine.Tests -c Release -r linux-arm64 --self-contained -p:StandaloneTests=true -o "$work/tests" -v quiet
emulate "$work/tests/DeepSeekEngine.Tests" --progress off --filter "FullyQualifiedName~AdvSimd|FullyQualifiedName~LanesTests" \
    | tee "$work/summary"

# A test whose processor lacks something is skipped; here none may be.
grep -q "skipped: 0" "$work/summary"
