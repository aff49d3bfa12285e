#!/usr/bin/env bash
# A registry of the OCI distribution specification (Debian's docker-registry) that wants to be signed in to, and an independent client that
# pushes to it (Debian's skopeo): `start.sh [start | stop | reset | remove | status]`; see ../README.md and ../lib.sh.
# Prints {"system","base" (host:port),"credential" (user:password),"pid","requests" (the log of every request),"client"}.
SYSTEM=registry
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
PORT=${NAVE_REGISTRY_PORT:-8504}
CREDENTIAL=robot:registry-test

report() {
  printf '{"system":"registry","base":"127.0.0.1:%s","credential":"%s","pid":%s,"requests":"%s","client":"%s"}\n' \
    "$PORT" "$CREDENTIAL" "$1" "$RUN/registry.log" "$(command -v skopeo)"
}

need() {
  command -v docker-registry >/dev/null && command -v skopeo >/dev/null && return
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then skip "needs Debian's docker-registry and skopeo and may not install them. Type: sudo apt-get install docker-registry skopeo"; fi
  lock_installation
  if ! command -v docker-registry >/dev/null || ! command -v skopeo >/dev/null; then
    say "installing docker-registry and skopeo (log: $CACHE/apt.log)"
    # The package starts a service of its own on port 5000; this one is ours alone.
    printf '#!/bin/sh\nexit 101\n' >"$CACHE/policy-rc.d"
    if [ ! -e /usr/sbin/policy-rc.d ]; then install -m 755 "$CACHE/policy-rc.d" /usr/sbin/policy-rc.d; local ours=1; fi
    apt_install docker-registry skopeo || { [ -z "${ours:-}" ] || rm -f /usr/sbin/policy-rc.d; skip "apt-get could not install docker-registry and skopeo (log: $CACHE/apt.log)"; }
    [ -z "${ours:-}" ] || rm -f /usr/sbin/policy-rc.d
  fi
  unlock_installation
}

write_config() {
  # The password is a test's, the same on every machine; the registry knows bcrypt only.
  printf '%s:%s\n' "${CREDENTIAL%%:*}" "$(perl -e 'print crypt($ARGV[0], q($2y$05$abcdefghijklmnopqrstuu))' "${CREDENTIAL#*:}")" >"$RUN/htpasswd"
  cat >"$RUN/config.yml" <<CONFIG
version: 0.1
log: { accesslog: { disabled: false }, level: warn }
storage: { filesystem: { rootdirectory: $RUN/data }, delete: { enabled: true } }
http: { addr: "127.0.0.1:$PORT", secret: only-a-test }
auth: { htpasswd: { realm: test, path: $RUN/htpasswd } }
CONFIG
}

start() {
  local pid basic
  basic="Basic $(printf '%s' "$CREDENTIAL" | base64 -w0)"
  if pid=$(pid_of registry); then
    wait_for_answer registry "http://127.0.0.1:$PORT/v2/" "$basic"
    report "$pid"
    return
  fi
  need
  mkdir -p "$RUN/data"
  write_config
  port_must_be_free "$PORT" NAVE_REGISTRY_PORT
  daemon registry docker-registry serve "$RUN/config.yml"
  wait_for_answer registry "http://127.0.0.1:$PORT/v2/" "$basic"
  report "$(pid_of registry)"
}

erase() { rm -rf "$RUN/data" "$RUN/config.yml" "$RUN/htpasswd" "$RUN/registry.log"; }

lock_run
case ${1:-start} in
  start) start ;;
  stop) halt registry ;;
  reset) halt registry; erase; start ;;
  remove) halt registry; erase ;;
  status) if pid=$(pid_of registry); then report "$pid"; else say "not running"; exit 3; fi ;;
  *) echo "usage: $0 [start | stop | reset | remove | status]" >&2; exit 2 ;;
esac
