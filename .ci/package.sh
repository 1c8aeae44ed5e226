#!/usr/bin/env bash
# Packs the library and uses it from a console project outside the repository, as a stranger would.
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
version=0.0.0-ci.$(date +%s)
feed=$(mktemp -d)
project=$(mktemp -d)
trap 'rm -rf "$feed" "$project" "${NUGET_PACKAGES:-$HOME/.nuget/packages}/deepseekengine/$version"' EXIT

dotnet pack src/DeepSeekEngine -c Release -o "$feed" -p:Version="$version" -v quiet
cd "$project"
dotnet new console -n Stranger -o . >/dev/null
cat > nuget.config <<CONFIG
<configuration>
  <packageSources>
    <add key="local" value="$feed" />
  </packageSources>
</configuration>
CONFIG
dotnet add package DeepSeekEngine --version "$version" >/dev/null
cp "$repository/samples/HelloDeepSeek/Program.cs" Program.cs
answer=$(dotnet run -c Release -- "$repository/samples/models/tiny-r1")
echo "$answer"
grep -q "47 + 58 = 105" <<< "$answer"
