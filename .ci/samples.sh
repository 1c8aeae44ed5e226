#!/usr/bin/env bash
# Runs the sample programs as the README tells and looks for their answers.
set -euo pipefail
cd "$(dirname "$0")/.."
hello=$(dotnet run --no-build --project samples/HelloDeepSeek)
echo "$hello"
grep -q "47 + 58 = 105" <<< "$hello"
chat=$(dotnet run --no-build --project src/DeepSeekEngine.Tool -- chat samples/models/tiny-r1 <<< "What is 47 + 58?")
echo "$chat"
[ "$chat" = "47 + 58 = 105" ]
client=$(dotnet run --no-build --project samples/HelloChatClient)
echo "$client"
grep -q "47 + 58 = 105 (.* tokens of reasoning)" <<< "$client"
agent=$(dotnet run --no-build --project samples/Agent)
echo "$agent"
grep -q "47 + 58 = 105" <<< "$agent"
# Tests ask the server; here it is started as the documentation tells, where there is no model, so that it ends.
server=$(dotnet run --no-build --project samples/ChatServer -- samples/models --urls http://127.0.0.1:0 2>&1) && exit 1
grep "^$PWD/samples/models.*config.json" <<< "$server"
