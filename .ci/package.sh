#!/usr/bin/env bash
# Packs the libraries and the tool from two clones of what is committed, looks at what is in the packages, and uses each from outside the
# repository, as a stranger would.
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
version=0.0.0-ci.$(date +%s)
commit=$(git rev-parse HEAD)
work=$(mktemp -d)
cache=${NUGET_PACKAGES:-$HOME/.nuget/packages}
trap 'rm -rf "$work" "$cache"/deepseekengine{,.extensions.ai,.tool}/"$version"' EXIT
packages=(DeepSeekEngine DeepSeekEngine.Extensions.AI DeepSeekEngine.Tool)

# Source links need a remote that serves files by commit; which one does not matter here.
remote=https://github.com/example/deepseekengine
source=https://raw.githubusercontent.com/example/deepseekengine/$commit/

fail() {
    echo "$1" >&2
    exit 1
}

pack() {
    local place=$1 package
    mkdir -p "$place/contents" "$place/symbols"
    git clone --quiet "$repository" "$place/repository"
    git -C "$place/repository" checkout --quiet --detach "$commit"
    git -C "$place/repository" remote set-url origin "$remote.git"
    for package in "${packages[@]}"; do
        dotnet pack "$place/repository/src/$package" -c Release -o "$place/feed" -p:Version="$version" -p:ContinuousIntegrationBuild=true -v quiet
        unzip -q "$place/feed/$package.$version.nupkg" -d "$place/contents/$package"
        unzip -q "$place/feed/$package.$version.snupkg" -d "$place/symbols/$package"
    done
}

# Two clones in folders of different names, packed one after the other, must give the same files to the last bit.
pack "$work/one"
pack "$work/another-folder"
for part in contents symbols; do
    diff -r "$work/one/$part" "$work/another-folder/$part" || fail "Packing twice gives different $part."
done

for package in "${packages[@]}"; do
    contents=$work/one/contents/$package
    symbols=$work/one/symbols/$package
    cmp "$work/one/repository/README.md" "$contents/README.md"
    cmp "$work/one/repository/src/icon.png" "$contents/icon.png"
    for element in '<license type="expression">MIT</license>' '<readme>README.md</readme>' '<icon>icon.png</icon>' \
        "url=\"$remote" "commit=\"$commit\"" "<version>$version</version>"; do
        grep -qF "$element" "$contents/$package.nuspec" || fail "$package.nuspec lacks $element"
    done

    # Every assembly of ours comes with its symbols, and those say where the source is.
    assemblies=$(cd "$contents" && find . -iname '*deepseek*.dll')
    [ -n "$assemblies" ] || fail "$package has no assembly."
    for assembly in $assemblies; do
        grep -qaF "$source" "$symbols/${assembly%.dll}.pdb" || fail "The symbols of $package/$assembly have no source links."
    done
done

mkdir "$work/projects"
cat > "$work/projects/nuget.config" <<CONFIG
<configuration>
  <packageSources>
    <add key="local" value="$work/one/feed" />
  </packageSources>
</configuration>
CONFIG

# Makes a project that has the package and nothing else, and runs a sample's program in it.
stranger() {
    local package=$1 sample=$2 answer
    dotnet new console -n Stranger -o "$work/projects/$sample" >/dev/null
    cd "$work/projects/$sample"
    dotnet add package "$package" --version "$version" >/dev/null
    cp "$repository/samples/$sample/Program.cs" Program.cs
    answer=$(dotnet run -c Release -- "$repository/samples/models/tiny-r1")
    echo "$answer"
    grep -q "47 + 58 = 105" <<< "$answer"
}
stranger DeepSeekEngine HelloDeepSeek
stranger DeepSeekEngine.Extensions.AI HelloChatClient

cd "$work/projects"
dotnet tool install DeepSeekEngine.Tool --version "$version" --tool-path "$work/tool" >/dev/null
answer=$("$work/tool/deepseek" chat "$repository/samples/models/tiny-r1" "What is 47 + 58?")
echo "$answer"
[ "$answer" = "47 + 58 = 105" ]
