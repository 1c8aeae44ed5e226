#!/usr/bin/env bash
# Fetches the libraries of the page again, in the versions that are named here, and writes their checksums. Needs npm, which nothing else does.
set -euo pipefail
cd "$(dirname "$0")/wwwroot/lib"
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT

# fetch NAME PACKAGE@VERSION FILE...: the files of a package, and its licence, in a folder of their own.
fetch() {
    local name=$1 package=$2
    shift 2
    rm -rf "$name"
    mkdir -p "$name" "$packages/$name"
    tar -xzf "$packages/$(npm pack --silent --pack-destination "$packages" "$package")" -C "$packages/$name"
    for file in "$@" LICENSE; do
        cp "$packages/$name/package/"$file "$name/"
    done
}

fetch marked marked@18.2.1 lib/marked.esm.js
fetch dompurify dompurify@3.5.0 dist/purify.min.js
fetch highlight @highlightjs/cdn-assets@11.12.0 es/highlight.min.js
fetch katex katex@0.19.1 dist/katex.min.js dist/katex.min.css
mkdir katex/fonts
cp "$packages"/katex/package/dist/fonts/*.woff2 katex/fonts/
find . -mindepth 2 -type f | LC_ALL=C sort | xargs sha256sum > SHA256SUMS
