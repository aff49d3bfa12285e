#!/bin/sh
# Builds guest.js into DIR/javascript.wasm. Needs node and npm.
#
# All of the engine's own features are switched off (disableFeatures): they are what imports WASI, files among it.
# The price: no console, no Date.now, no Math.random that differs between runs, no fetch. The contract has log,
# clock and http instead.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh DIR}
version=0.23.0
. "$here/../lib.sh"

compile() {
  tool=$cache/componentize-js-$version
  if [ ! -d "$tool/node_modules/@bytecodealliance/componentize-js" ]; then
    mkdir -p "$tool"
    (cd "$tool" && npm init -y >/dev/null && npm install --no-fund --no-audit --silent "@bytecodealliance/componentize-js@$version") >&2
  fi
  cp "$here/componentize.mjs" "$tool/"
  node "$tool/componentize.mjs" "$here/guest.js" "$1" "$2" >&2
}

build javascript "componentize-js $version" "$here/guest.js"
