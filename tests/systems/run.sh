#!/usr/bin/env bash
# The tests against real systems, as .ci/run calls them: starts Tryton, BottleCRM, Request Tracker, Sympa, a registry, an OAuth 2 server, a vault and a cloud's secret manager with a run folder and ports of their own, so that
# copies somebody works with are left alone, runs `cargo test --test systems`, and always takes them away again.
# Exit: cargo's; 1 where a system failed to start; 77 skipped, where this machine can run none of them (the reason is on stderr).
set -uo pipefail
cd "$(dirname "$0")/../.."
here=tests/systems
export NAVE_TRYTON_PORT=${NAVE_TRYTON_PORT:-8601} NAVE_BOTTLECRM_PORT=${NAVE_BOTTLECRM_PORT:-8608} NAVE_BOTTLECRM_PG_PORT=${NAVE_BOTTLECRM_PG_PORT:-8632}
export NAVE_RT_PORT=${NAVE_RT_PORT:-8602} NAVE_SYMPA_PORT=${NAVE_SYMPA_PORT:-8603} NAVE_REGISTRY_PORT=${NAVE_REGISTRY_PORT:-8604} NAVE_OIDC_PORT=${NAVE_OIDC_PORT:-8607} NAVE_RUSTY_VAULT_PORT=${NAVE_RUSTY_VAULT_PORT:-8605} NAVE_MOTO_PORT=${NAVE_MOTO_PORT:-8606}
NAVE_SYSTEMS_RUN=$(mktemp -d) || exit 1
export NAVE_SYSTEMS_RUN
chmod 755 "$NAVE_SYSTEMS_RUN"

remove() {
  trap '' INT TERM
  wait # what is still starting could not be taken away
  for system in tryton bottlecrm request-tracker sympa registry oidc rusty-vault moto; do "$here/$system/start.sh" remove >/dev/null </dev/null || true; done
  rm -rf "$NAVE_SYSTEMS_RUN"
}
trap remove EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# All install and start while Rust compiles; what apt-get installs waits for its lock.
"$here/tryton/start.sh" reset >"$NAVE_SYSTEMS_RUN/tryton.json" </dev/null &
tryton=$!
"$here/bottlecrm/start.sh" reset >"$NAVE_SYSTEMS_RUN/bottlecrm.json" </dev/null &
bottlecrm=$!
"$here/request-tracker/start.sh" reset >"$NAVE_SYSTEMS_RUN/request-tracker.json" </dev/null &
rt=$!
"$here/sympa/start.sh" reset >"$NAVE_SYSTEMS_RUN/sympa.json" </dev/null &
sympa=$!
"$here/registry/start.sh" reset >"$NAVE_SYSTEMS_RUN/registry.json" </dev/null &
registry=$!
"$here/oidc/start.sh" reset >"$NAVE_SYSTEMS_RUN/oidc.json" </dev/null &
oidc=$!
"$here/rusty-vault/start.sh" reset >"$NAVE_SYSTEMS_RUN/rusty-vault.json" </dev/null &
vault=$!
"$here/moto/start.sh" reset >"$NAVE_SYSTEMS_RUN/moto.json" </dev/null &
moto=$!
cargo test --workspace --test systems --no-run </dev/null
compiled=$?
wait "$tryton"; tryton=$?
wait "$bottlecrm"; bottlecrm=$?
wait "$rt"; rt=$?
wait "$sympa"; sympa=$?
wait "$oidc"; oidc=$?
wait "$registry"; registry=$?
wait "$vault"; vault=$?
wait "$moto"; moto=$?
[ "$compiled" = 0 ] || exit "$compiled"
for code in "$tryton" "$bottlecrm" "$rt" "$sympa" "$registry" "$oidc" "$vault" "$moto"; do [ "$code" = 0 ] || [ "$code" = 77 ] || { echo "a system did not start (see above)" >&2; exit 1; }; done
[ "$tryton" = 77 ] && [ "$bottlecrm" = 77 ] && [ "$rt" = 77 ] && [ "$sympa" = 77 ] && [ "$registry" = 77 ] && [ "$oidc" = 77 ] && [ "$vault" = 77 ] && [ "$moto" = 77 ] && exit 77

unset NAVE_TRYTON NAVE_BOTTLECRM NAVE_RT NAVE_SYMPA NAVE_REGISTRY NAVE_OIDC NAVE_RUSTY_VAULT NAVE_MOTO
[ "$tryton" = 0 ] && NAVE_TRYTON=$(cat "$NAVE_SYSTEMS_RUN/tryton.json") && export NAVE_TRYTON
[ "$bottlecrm" = 0 ] && NAVE_BOTTLECRM=$(cat "$NAVE_SYSTEMS_RUN/bottlecrm.json") && export NAVE_BOTTLECRM
[ "$rt" = 0 ] && NAVE_RT=$(cat "$NAVE_SYSTEMS_RUN/request-tracker.json") && export NAVE_RT
[ "$sympa" = 0 ] && NAVE_SYMPA=$(cat "$NAVE_SYSTEMS_RUN/sympa.json") && export NAVE_SYMPA
[ "$registry" = 0 ] && NAVE_REGISTRY=$(cat "$NAVE_SYSTEMS_RUN/registry.json") && export NAVE_REGISTRY
[ "$oidc" = 0 ] && NAVE_OIDC=$(cat "$NAVE_SYSTEMS_RUN/oidc.json") && export NAVE_OIDC
[ "$vault" = 0 ] && NAVE_RUSTY_VAULT=$(cat "$NAVE_SYSTEMS_RUN/rusty-vault.json") && export NAVE_RUSTY_VAULT
[ "$moto" = 0 ] && NAVE_MOTO=$(cat "$NAVE_SYSTEMS_RUN/moto.json") && export NAVE_MOTO
cargo test --workspace --test systems -- --nocapture --test-threads 1 </dev/null
