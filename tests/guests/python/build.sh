#!/bin/sh
# Builds guest.py into DIR/python.wasm. Needs python3 with venv.
#
# WASI is stubbed out (--stub-wasi): the interpreter imports files and sockets otherwise. The price: no open(), no
# time.time(), no print, and a random module that always gives the same numbers.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh DIR}
version=0.25.1
. "$here/../lib.sh"

compile() {
  tool=$cache/componentize-py-$version
  if [ ! -x "$tool/bin/componentize-py" ]; then
    python3 -m venv "$tool"
    "$tool/bin/pip" install --quiet --disable-pip-version-check "componentize-py==$version" >&2
  fi
  "$tool/bin/componentize-py" --quiet --wit-path "$1" --world tiny componentize --stub-wasi --python-path "$here" --output "$2" guest >&2
}

build python "componentize-py $version" "$here/guest.py"
