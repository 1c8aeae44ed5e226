#!/usr/bin/env bash
# Packs the libraries and uses each from a console project outside the repository, as a stranger would.
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
version=0.0.0-ci.$(date +%s)
feed=$(mktemp -d)
projects=$(mktemp -d)
packages=${NUGET_PACKAGES:-$HOME/.nuget/packages}
trap 'rm -rf "$feed" "$projects" "$packages"/deepseekengine{,.extensions.ai}/"$version"' EXIT

for package in DeepSeekEngine DeepSeekEngine.Extensions.AI; do
    dotnet pack "src/$package" -c Release -o "$feed" -p:Version="$version" -v quiet
done
cat > "$projects/nuget.config" <<CONFIG
<configuration>
  <packageSources>
    <add key="local" value="$feed" />
  </packageSources>
</configuration>
CONFIG

# Makes a project that has the package and nothing else, and runs a sample's program in it.
stranger() {
    local package=$1 sample=$2 answer
    dotnet new console -n Stranger -o "$projects/$sample" >/dev/null
    cd "$projects/$sample"
    dotnet add package "$package" --version "$version" >/dev/null
    cp "$repository/samples/$sample/Program.cs" Program.cs
    answer=$(dotnet run -c Release -- "$repository/samples/models/tiny-r1")
    echo "$answer"
    grep -q "47 + 58 = 105" <<< "$answer"
}
stranger DeepSeekEngine HelloDeepSeek
stranger DeepSeekEngine.Extensions.AI HelloChatClient
