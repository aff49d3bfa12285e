#!/usr/bin/env bash
# moto (pip), which answers as AWS does and was written by others: `start.sh [start | stop | reset | remove | status | put NAME TEXT | delete NAME]`;
# see ../README.md and ../lib.sh. It checks signatures and policies by botocore, from the tenth call on: the nine before make three users.
# Prints {"system","base","region","admin","reader","stranger","pid"}; the last three but one are access-key-id:secret-access-key.
SYSTEM=moto
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
PORT=${NAVE_MOTO_PORT:-8506}
BASE=http://127.0.0.1:$PORT
# create-user, put-user-policy and create-access-key of three.
SETUP_CALLS=9

report() { sed "s|^{|{\"system\":\"moto\",\"base\":\"$BASE\",\"region\":\"eu-central-1\",\"pid\":$1,|" "$RUN/keys.json"; }

start() {
  local pid
  if pid=$(pid_of moto); then
    report "$pid"
    return
  fi
  venv_from_requirements 3.9
  port_must_be_free "$PORT" NAVE_MOTO_PORT
  # All in memory: what was there is gone with the process.
  daemon moto env INITIAL_NO_AUTH_ACTION_COUNT=$SETUP_CALLS "$VENV/bin/moto_server" -H 127.0.0.1 -p "$PORT"
  wait_for_answer moto "$BASE/moto-api/"
  "$VENV/bin/python" "$HERE/client.py" "$BASE" setup >"$RUN/keys.json"
  report "$(pid_of moto)"
}

# Something of the daemon's that is not its own API.
as_admin() {
  NAVE_MOTO_ADMIN=$("$VENV/bin/python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["admin"])' "$RUN/keys.json") \
    "$VENV/bin/python" "$HERE/client.py" "$BASE" "$@"
}

lock_run
case ${1:-start} in
  start) start ;;
  stop) halt moto ;;
  reset) halt moto; start ;;
  remove) halt moto; rm -f "$RUN/moto.log" "$RUN/keys.json" ;;
  status) if pid=$(pid_of moto); then report "$pid"; else say "not running"; exit 3; fi ;;
  put | delete) as_admin "$@" ;;
  *) echo "usage: $0 [start | stop | reset | remove | status | put NAME TEXT | delete NAME]" >&2; exit 2 ;;
esac
