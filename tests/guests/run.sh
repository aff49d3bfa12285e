#!/usr/bin/env bash
# Builds the guests in other languages and holds the conversation with them. Exit 77: skipped, with the reason.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
for tool in node npm python3 cargo; do
  command -v "$tool" >/dev/null || { echo "skipped: guests in JavaScript and Python ($tool is not installed)"; exit 77; }
done
out=${CARGO_TARGET_DIR:-$here/../../target}/guests
mkdir -p "$out"
out=$(cd "$out" && pwd)
"$here/javascript/build.sh" "$out"
"$here/python/build.sh" "$out"
cd "$here/../.."
NAVE_GUESTS=$out cargo test --workspace --test all guests -- --nocapture
