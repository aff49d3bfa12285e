#!/usr/bin/env bash
# oidc-provider 9 (npm), an OAuth 2 server: `start.sh [start | stop | reset | remove | status]`; see ../README.md and ../lib.sh.
# Prints {"system","base","pid"}. Clients: hub:hub-secret (authorization code with PKCE, device, refresh), api:hub-secret (introspection).
SYSTEM=oidc
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
PORT=${NAVE_OIDC_PORT:-8507}
BASE=http://127.0.0.1:$PORT
VERSION=9.13.3
MODULES=$CACHE/oidc-provider-$VERSION

report() { printf '{"system":"oidc","base":"%s","pid":%s}\n' "$BASE" "$1"; }

need_oidc() {
  local tool
  for tool in node npm python3; do command -v "$tool" >/dev/null || skip "needs $tool"; done
  lock_installation
  if [ ! -f "$MODULES/complete" ]; then
    say "installing oidc-provider $VERSION into $MODULES (log: $CACHE/npm.log)"
    rm -rf "$MODULES"
    mkdir -p "$MODULES"
    (cd "$MODULES" && npm init -y >/dev/null && npm install --no-audit --no-fund --loglevel=error "oidc-provider@$VERSION") >"$CACHE/npm.log" 2>&1 </dev/null ||
      { tail -n 20 "$CACHE/npm.log" >&2; skip "oidc-provider could not be installed (log: $CACHE/npm.log)"; }
    touch "$MODULES/complete"
  fi
  unlock_installation
}

start() {
  local pid
  if pid=$(pid_of oidc); then
    report "$pid"
    return
  fi
  need_oidc
  port_must_be_free "$PORT" NAVE_OIDC_PORT
  # A module is looked for beside the file that names it.
  cp "$HERE/server.mjs" "$MODULES/server-$$.mjs"
  mv "$MODULES/server-$$.mjs" "$MODULES/server.mjs"
  daemon oidc env PORT="$PORT" AT_TTL="${NAVE_OIDC_LIFE_SECONDS:-2}" node "$MODULES/server.mjs"
  wait_for_answer oidc "$BASE/.well-known/openid-configuration"
  report "$(pid_of oidc)"
}

lock_run
case ${1:-start} in
  start) start ;;
  stop) halt oidc ;;
  reset) halt oidc; start ;;
  remove) halt oidc; rm -f "$RUN/oidc.log" ;;
  status) if pid=$(pid_of oidc); then report "$pid"; else say "not running"; exit 3; fi ;;
  *) echo "usage: $0 [start | stop | reset | remove | status]" >&2; exit 2 ;;
esac
