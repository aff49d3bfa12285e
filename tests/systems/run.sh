#!/usr/bin/env bash
# The tests against real systems, as .ci/run calls them: starts Tryton and BottleCRM with a run folder and ports of their own, so that
# copies somebody works with are left alone, runs `cargo test --test systems`, and always takes both away again.
# Exit: cargo's; 1 where a system failed to start; 77 skipped, where this machine can run neither (the reason is on stderr).
set -uo pipefail
cd "$(dirname "$0")/../.."
here=tests/systems
export NAVE_TRYTON_PORT=${NAVE_TRYTON_PORT:-8601} NAVE_BOTTLECRM_PORT=${NAVE_BOTTLECRM_PORT:-8608} NAVE_BOTTLECRM_PG_PORT=${NAVE_BOTTLECRM_PG_PORT:-8632}
NAVE_SYSTEMS_RUN=$(mktemp -d) || exit 1
export NAVE_SYSTEMS_RUN
chmod 755 "$NAVE_SYSTEMS_RUN"

remove() {
  trap '' INT TERM
  wait # what is still starting could not be taken away
  for system in tryton bottlecrm; do "$here/$system/start.sh" remove >/dev/null </dev/null || true; done
  rm -rf "$NAVE_SYSTEMS_RUN"
}
trap remove EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Both install and start while Rust compiles.
"$here/tryton/start.sh" reset >"$NAVE_SYSTEMS_RUN/tryton.json" </dev/null &
tryton=$!
"$here/bottlecrm/start.sh" reset >"$NAVE_SYSTEMS_RUN/bottlecrm.json" </dev/null &
bottlecrm=$!
cargo test --workspace --test systems --no-run </dev/null
compiled=$?
wait "$tryton"; tryton=$?
wait "$bottlecrm"; bottlecrm=$?
[ "$compiled" = 0 ] || exit "$compiled"
for code in "$tryton" "$bottlecrm"; do [ "$code" = 0 ] || [ "$code" = 77 ] || { echo "a system did not start (see above)" >&2; exit 1; }; done
[ "$tryton" = 77 ] && [ "$bottlecrm" = 77 ] && exit 77

unset NAVE_TRYTON NAVE_BOTTLECRM
[ "$tryton" = 0 ] && NAVE_TRYTON=$(cat "$NAVE_SYSTEMS_RUN/tryton.json") && export NAVE_TRYTON
[ "$bottlecrm" = 0 ] && NAVE_BOTTLECRM=$(cat "$NAVE_SYSTEMS_RUN/bottlecrm.json") && export NAVE_BOTTLECRM
cargo test --workspace --test systems -- --nocapture --test-threads 1 </dev/null
