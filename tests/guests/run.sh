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
# The SDKs' own tests. `N passed` is what the caller counts.
(cd sdk/javascript && node --test --test-reporter=tap | tee /dev/stderr | sed -n 's/^# pass \([0-9]*\)$/\1 passed/p')
(cd sdk/python && python3 -m unittest 2>&1 | tee /dev/stderr | sed -n 's/^Ran \([0-9]*\) tests.*/\1 passed/p')
NAVE_GUESTS=$out cargo test --workspace --test all guests -- --nocapture
# The guide, and what comes of it, in both languages.
NAVE_LANGUAGES="javascript python" cargo test --workspace --test e2e guide_works_in_other_languages -- --nocapture
