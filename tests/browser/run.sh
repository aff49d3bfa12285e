#!/usr/bin/env bash
# Tests the dashboard in headless Chromium: each of its pages, and a steward's whole day. Exit 77: skipped, with the reason.
#   run.sh            every check
#   run.sh --broken   breaks the dashboard in one way after another: each time the check that guards against it must fail; with a
#                     name, only in those ways whose name has it
# NAVE_SHOTS names the folder that the pictures go to.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
skip() { echo "skipped: the dashboard in a browser ($*)"; exit 77; }

for tool in node npm cargo; do command -v "$tool" >/dev/null || skip "$tool is not installed"; done
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || skip "Node 20 or later is needed"

if ! command -v chromium >/dev/null; then
  command -v apt-get >/dev/null || skip "chromium is not installed"
  [ "$(id -u)" = 0 ] || skip "chromium is not installed: apt-get install chromium"
  log=$(mktemp)
  export DEBIAN_FRONTEND=noninteractive
  if ! { timeout 300 apt-get update && timeout 900 apt-get install -y --no-install-recommends chromium fonts-dejavu-core; } >"$log" 2>&1 </dev/null; then
    tail -5 "$log"; rm -f "$log"
    skip "chromium could not be installed"
  fi
  rm -f "$log"
fi

cache=${NAVE_BROWSER_CACHE:-$HOME/.cache/nave/browser}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
for module in playwright-core@1.65.1 axe-core@4; do
  [ -d "$cache/node_modules/${module%@*}" ] && continue
  (exec 9>"$cache/lock"; flock -w 300 9; cd "$cache"; [ -f package.json ] || echo '{ "private": true }' >package.json
    timeout 300 npm install --no-audit --no-fund --loglevel=error "$module" </dev/null) || skip "$module could not be installed"
done

target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
export CARGO_TARGET_DIR=$(cd "$target" && pwd)
if [ -z "${NAVE_BIN:-}" ]; then
  cargo build --workspace --bin nave </dev/null
  export NAVE_BIN=$CARGO_TARGET_DIR/debug/nave
fi

export NAVE_BROWSER_MODULES=$cache/node_modules NAVE_CHROMIUM=${NAVE_CHROMIUM:-$(command -v chromium)}
if [ "${1:-}" = --broken ]; then exec timeout 3000 node "$here/broken.mjs" "${@:2}"; fi
exec timeout 600 node --test --test-reporter="$here/reporter.mjs" --test-concurrency=1 "$here/dashboard.mjs" "$here/steward.mjs" </dev/null
