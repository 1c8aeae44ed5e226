#!/usr/bin/env bash
# Runs the sample programs as the README tells and looks for their answers.
set -euo pipefail
cd "$(dirname "$0")/.."
hello=$(dotnet run --no-build --project samples/HelloDeepSeek)
echo "$hello"
grep -q "47 + 58 = 105" <<< "$hello"
chat=$(dotnet run --no-build --project samples/Chat < /dev/null)
echo "$chat"
grep -q "105" <<< "$chat"
client=$(dotnet run --no-build --project samples/HelloChatClient)
echo "$client"
grep -q "47 + 58 = 105 (.* tokens of reasoning)" <<< "$client"
agent=$(dotnet run --no-build --project samples/Agent)
echo "$agent"
grep -q "47 + 58 = 105" <<< "$agent"
