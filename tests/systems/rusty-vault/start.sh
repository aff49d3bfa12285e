#!/usr/bin/env bash
# RustyVault (crate `rusty_vault`), which speaks the API of HashiCorp Vault and was written by others: `start.sh [start | stop | reset | remove | status]`;
# see ../README.md and ../lib.sh. Starts sealed and empty: whoever tests initialises and unseals it over its API.
# Prints {"system","base","pid"}.
SYSTEM=rusty-vault
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
PORT=${NAVE_RUSTY_VAULT_PORT:-8505}
BASE=http://127.0.0.1:$PORT
VERSION=0.2.1
SERVER=$CACHE/$VERSION/bin/rvault

report() { printf '{"system":"rusty-vault","base":"%s","pid":%s}\n' "$BASE" "$1"; }

need() {
  [ -x "$SERVER" ] && return
  command -v cargo >/dev/null || skip "needs cargo"
  lock_installation
  if [ ! -x "$SERVER" ]; then
    say "building rusty_vault $VERSION into $CACHE/$VERSION (minutes; log: $CACHE/cargo.log)"
    # A folder of its own: what the workspace has built is not touched.
    CARGO_TARGET_DIR=$CACHE/target cargo install rusty_vault --version "=$VERSION" --locked --root "$CACHE/$VERSION" >"$CACHE/cargo.log" 2>&1 </dev/null ||
      { tail -n 20 "$CACHE/cargo.log" >&2; skip "rusty_vault could not be built (log: $CACHE/cargo.log)"; }
    rm -rf "$CACHE/target"
  fi
  unlock_installation
}

write_config() {
  cat >"$RUN/config.hcl" <<CONFIG
storage "file" {
  path = "$RUN/data"
}
listener "tcp" {
  address = "127.0.0.1:$PORT"
  tls_disable = "true"
}
api_addr = "$BASE"
log_level = "info"
work_dir = "$RUN"
CONFIG
}

start() {
  local pid
  if pid=$(pid_of rusty-vault); then
    report "$pid"
    return
  fi
  need
  mkdir -p "$RUN/data"
  write_config
  port_must_be_free "$PORT" NAVE_RUSTY_VAULT_PORT
  daemon rusty-vault "$SERVER" server "--config=$RUN/config.hcl"
  wait_for_answer rusty-vault "$BASE/v1/sys/init"
  report "$(pid_of rusty-vault)"
}

erase() { rm -rf "$RUN/data" "$RUN/config.hcl" "$RUN/rusty-vault.log"; }

lock_run
case ${1:-start} in
  start) start ;;
  stop) halt rusty-vault ;;
  reset) halt rusty-vault; erase; start ;;
  remove) halt rusty-vault; erase ;;
  status) if pid=$(pid_of rusty-vault); then report "$pid"; else say "not running"; exit 3; fi ;;
  *) echo "usage: $0 [start | stop | reset | remove | status]" >&2; exit 2 ;;
esac
