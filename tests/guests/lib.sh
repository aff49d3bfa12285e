# Shared by the build scripts of this folder: `build NAME TOOL SOURCE` prepares the contract in $wit, and leaves
# $out/NAME.wasm, from the cache when source, contract and tool are the ones that it was made from.

root=$(cd "$here/../../.." && pwd)
cache=${NAVE_GUESTS_CACHE:-$HOME/.cache/nave/guests}

build() {
  name=$1 tool=$2 source=$3
  mkdir -p "$out" "$cache"
  key=$( { echo "$tool"; cat "$source" "$here/build.sh" "$here"/../lib.sh "$here/../world.wit" "$root"/wit/v0.1/*.wit; } | sha256sum | cut -c1-32)
  made=$cache/$name-$key.wasm
  if [ ! -f "$made" ]; then
    wit=$(mktemp -d)
    trap 'rm -rf "$wit"' EXIT
    mkdir -p "$wit/deps/plugin"
    cp "$here/../world.wit" "$wit/"
    cp "$root"/wit/v0.1/*.wit "$wit/deps/plugin/"
    compile "$wit" "$made.$$.tmp.wasm"
    mv "$made.$$.tmp.wasm" "$made"
  fi
  cp "$made" "$out/$name.wasm"
  echo "$out/$name.wasm"
}
