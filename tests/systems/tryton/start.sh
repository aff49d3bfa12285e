#!/usr/bin/env bash
# Tryton 8.0 on SQLite, with its REST API: `start.sh [start | stop | reset | remove | status]`; see ../README.md and ../lib.sh.
# Prints {"system","base","credential","pid","requests" (the log of every request)}.
SYSTEM=tryton
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
PORT=${NAVE_TRYTON_PORT:-8501}
DATABASE=nave
CONFIG=$RUN/trytond.conf
BASE=http://127.0.0.1:$PORT/$DATABASE/rest/model

# A database with modules activated and the seed in it takes a minute or two to make, so one is kept per version of what it is made from.
TEMPLATE=$CACHE/template-$(digest "$HERE/requirements.txt" "$HERE/seed.py" "$HERE/start.sh")
MODULES=(party party_relationship company currency country product account account_product account_invoice)

report() { printf '{"system":"tryton","base":"%s","credential":"%s","pid":%s,"requests":"%s"}\n' "$BASE" "$(cat "$RUN/key")" "$1" "$RUN/trytond.log"; }

write_config() { # FILE FOLDER
  printf '[database]\nuri = sqlite://\npath = %s\n[web]\nlisten = 127.0.0.1:%s\n[session]\nauthentications = password\n' "$2" "$PORT" >"$1"
}

make_template() {
  lock_installation
  if [ ! -s "$TEMPLATE/key" ]; then
    local work log=$CACHE/template.log
    work=$(mktemp -d "$CACHE/making.XXXXXX")
    say "making a database with its modules and seed (log: $log)"
    head -c 18 /dev/urandom | base64 >"$work/password"
    write_config "$work/trytond.conf" "$work"
    touch "$work/$DATABASE.sqlite"
    {
      TRYTONPASSFILE=$work/password "$VENV/bin/trytond-admin" -c "$work/trytond.conf" -d "$DATABASE" \
        -u "${MODULES[@]}" --activate-dependencies --email admin@example.test &&
        "$VENV/bin/python" "$HERE/seed.py" "$work/trytond.conf" "$DATABASE" "$work/key"
    } >"$log" 2>&1 </dev/null || { tail -n 20 "$log" >&2; rm -rf "$work"; fail "could not make the database"; }
    rm "$work/trytond.conf"
    find "$CACHE" -maxdepth 1 -name 'template-*' -mtime +30 -exec rm -rf {} +
    mv "$work" "$TEMPLATE"
  fi
  unlock_installation
}

start() {
  local pid
  if pid=$(pid_of trytond); then
    wait_for_answer trytond "$BASE/party.party?s=1" "Bearer $(cat "$RUN/key")"
    report "$pid"
    return
  fi
  venv_from_requirements 3.9
  if [ ! -s "$RUN/key" ]; then
    make_template
    mkdir -p "$RUN/data"
    cp "$TEMPLATE/$DATABASE.sqlite" "$RUN/data/"
    (umask 077 && cp "$TEMPLATE/password" "$TEMPLATE/key" "$RUN/data/")
    mv "$RUN/data/password" "$RUN/password"
    mv "$RUN/data/key" "$RUN/key" # last: a run folder with a key is complete
  fi
  port_must_be_free "$PORT" NAVE_TRYTON_PORT
  write_config "$CONFIG" "$RUN/data"
  daemon trytond "$VENV/bin/trytond" -c "$CONFIG" -d "$DATABASE"
  wait_for_answer trytond "$BASE/party.party?s=1" "Bearer $(cat "$RUN/key")"
  report "$(pid_of trytond)"
}

erase() { rm -rf "$RUN/data" "$RUN/key" "$RUN/password" "$CONFIG" "$RUN/trytond.log"; }

lock_run
case ${1:-start} in
  start) start ;;
  stop) halt trytond ;;
  reset) halt trytond; erase; start ;;
  remove) halt trytond; erase ;;
  status) if pid=$(pid_of trytond); then report "$pid"; else say "not running"; exit 3; fi ;;
  *) echo "usage: $0 [start | stop | reset | remove | status]" >&2; exit 2 ;;
esac
