#!/usr/bin/env bash
# Takes defences out (broken/*.patch, one hunk each), builds, and plays for each the case that is there because of it: it must fail.
# Patches that do not touch each other's cases share a build (the first column of broken/table). Applies the patches to this
# checkout and takes them back, so commit first. With a letter: only that build.
#   bash tests/faults/defences.sh [BUILD]
set -uo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-$PWD/target}
table=tests/faults/broken/table
[ -z "$(git status --porcelain --untracked-files=no)" ] || { echo "there are changes that are not committed"; exit 2; }
applied=()
back() { for patch in "${applied[@]}"; do git apply -R "$patch"; done; applied=(); }
trap back EXIT
trap 'exit 130' INT TERM

noticed=0 missed=0
for build in $(grep -v '^#' "$table" | cut -d'|' -f1 | uniq); do
  [ -n "${1:-}" ] && [ "$1" != "$build" ] && continue
  while IFS='|' read -r _ name _; do
    patch=tests/faults/broken/$name.patch
    git apply "$patch" || { echo "$name: the patch does not fit any more; make it anew"; exit 2; }
    applied+=("$patch")
  done < <(grep "^$build|" "$table")
  cargo build -q --workspace --lib --bin nave || { echo "$build does not build"; exit 2; }
  while IFS='|' read -r _ name switch _ case; do
    red=$(env -u NAVE_PLUGINS "$target/debug/nave" test faults --case "$case" --json </dev/null | grep '"passed":false' | head -1)
    if [ -n "$red" ]; then
      noticed=$((noticed + 1)); echo "red: $name ($switch), $case: $(grep -o '"why":\[[^]]*' <<<"$red" | cut -c8-220)"
    else
      missed=$((missed + 1)); echo "NOT NOTICED: $name ($switch): $case passed without it"
    fi
  done < <(grep "^$build|" "$table")
  back
done
cargo build -q --workspace --lib --bin nave
echo "$noticed passed, $missed failed"
[ "$missed" = 0 ]
