#!/usr/bin/env bash
# Takes one defence out at a time (broken/*.patch, one hunk each), builds, and plays the case that is there because of it: it must
# fail. Applies the patches to this checkout and takes them back, so commit first. With a word: only patches of that name.
#   bash tests/faults/defences.sh [NAME]
set -uo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-$PWD/target}
[ -z "$(git status --porcelain --untracked-files=no)" ] || { echo "there are changes that are not committed"; exit 2; }
applied=''
back() { [ -n "$applied" ] && git apply -R "$applied"; applied=''; }
trap back EXIT
trap 'exit 130' INT TERM

survived=0 killed=0
while IFS='|' read -r name switch defence case; do
  [[ $name == \#* || ( -n ${1:-} && $name != *$1* ) ]] && continue
  patch=tests/faults/broken/$name.patch
  git apply "$patch" || { echo "$name: the patch does not fit any more; make it anew"; survived=$((survived + 1)); continue; }
  applied=$patch
  if ! cargo build -q --workspace --lib --bin nave 2>/dev/null; then
    echo "$name: does not build"; survived=$((survived + 1)); back; continue
  fi
  said=$(env -u NAVE_PLUGINS "$target/debug/nave" test faults --case "$case" --json)
  red=$(grep -c '"passed":false' <<<"$said")
  if [ "$red" -gt 0 ]; then
    killed=$((killed + 1)); echo "red: $name ($switch): $(grep '"passed":false' <<<"$said" | head -1 | cut -c1-400)"
  else
    survived=$((survived + 1)); echo "NOT NOTICED: $name ($switch): $case passed without it"
  fi
  back
done < tests/faults/broken/table
cargo build -q --workspace --lib --bin nave
echo "$killed passed, $survived failed"
[ "$survived" = 0 ]
