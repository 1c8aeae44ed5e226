#!/bin/sh
# Fetches the prebuilt llama.cpp that the command "compare" times beside this library. Nothing else needs it.
set -eu
version=3.22.1
cd "$(dirname "$0")"
npm pack --silent "@node-llama-cpp/linux-x64@$version" > /dev/null
rm -rf bin
mkdir bin
tar -xzf "node-llama-cpp-linux-x64-$version.tgz" --strip-components=3 -C bin package/bins/linux-x64
rm "node-llama-cpp-linux-x64-$version.tgz"
ls bin
