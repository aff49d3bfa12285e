#!/usr/bin/env bash
# BottleCRM (django-crm) on a PostgreSQL of its own: `start.sh [start | stop | reset | remove | status | snapshot]`; see ../README.md and ../lib.sh.
# Prints {"system","base","credential","pid","requests" (the log of every request),"postgres_port"}. `snapshot` renews migrated.sql.gz, the freshly migrated and still empty database from which every run starts.
SYSTEM=bottlecrm
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
PORT=${NAVE_BOTTLECRM_PORT:-8508}
PG_PORT=${NAVE_BOTTLECRM_PG_PORT:-8532}
BASE=http://127.0.0.1:$PORT/api
REQUIREMENTS=$(grep -v '^#' "$HERE/requirements.txt" | sha256sum | cut -c1-16)

report() { printf '{"system":"bottlecrm","base":"%s","credential":"%s","pid":%s,"requests":"%s","postgres_port":%s}\n' "$BASE" "$(cat "$RUN/token")" "$1" "$RUN/access.log" "$PG_PORT"; }

# --- PostgreSQL: refuses to run as root, and root's home cannot be entered by others, so root runs it as `postgres` in a folder that user reaches.

as_postgres() { if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@" </dev/null); else (cd "$RUN" && "$@" </dev/null); fi; }

find_postgres() {
  local version
  for version in 18 17 16 15; do
    PG_BIN=/usr/lib/postgresql/$version/bin
    if [ -x "$PG_BIN/initdb" ] && [ -x "$PG_BIN/pg_dump" ]; then return; fi
  done
  return 1
}

need_postgres() {
  find_postgres && return
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then skip "needs PostgreSQL 15 or newer and may not install it. Type: sudo apt-get install postgresql"; fi
  lock_installation
  find_postgres || { say "installing PostgreSQL 15"; apt_install postgresql-15 || apt_install postgresql || skip "apt-get could not install PostgreSQL (log: $CACHE/apt.log)"; }
  unlock_installation
  find_postgres || skip "PostgreSQL 15 or newer was not found under /usr/lib/postgresql after installing it"
}

place_cluster() { # NAME: sets CLUSTER, the data folder
  CLUSTER=$RUN/$1
  if [ "$(id -u)" = 0 ] && id -u postgres >/dev/null 2>&1 && ! as_postgres test -x "$RUN"; then
    CLUSTER=/var/lib/postgresql/nave-$1-$(printf %s "$RUN" | sha256sum | cut -c1-12)
  fi
}

# A server that was killed leaves its lock file, and as long as nobody has collected the dead process PostgreSQL takes it for a living one.
forget_dead_server() {
  local pid
  pid=$(as_postgres head -n 1 "$CLUSTER/postmaster.pid" 2>/dev/null) || return 0
  for _ in $(seq 50); do
    [ -e "/proc/$pid" ] || return 0
    sleep 0.1
  done
  [ -n "$(started_at "$pid")" ] || rm -f "$CLUSTER/postmaster.pid"
}

start_postgres() { # NAME PORT
  local name=$1 port=$2
  place_cluster "$name"
  if ! pid_of "$name" >/dev/null; then
    if ! as_postgres test -f "$CLUSTER/PG_VERSION"; then
      rm -rf "$CLUSTER"
      mkdir -m 700 "$CLUSTER"
      [ "$(id -u)" != 0 ] || chown postgres: "$CLUSTER"
      as_postgres "$PG_BIN/initdb" -D "$CLUSTER" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >"$RUN/initdb.log" 2>&1 || { cat "$RUN/initdb.log" >&2; fail "initdb failed"; }
    fi
    forget_dead_server
    port_must_be_free "$port" NAVE_BOTTLECRM_PG_PORT
    # The data are thrown away after the tests: no fsync.
    local server=("$PG_BIN/postgres" -D "$CLUSTER" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c full_page_writes=off)
    if [ "$(id -u)" = 0 ]; then server=(runuser -u postgres -- "${server[@]}"); fi
    (cd / && daemon "$name" "${server[@]}")
  fi
  for _ in $(seq 300); do
    "$PG_BIN/pg_isready" -q -h 127.0.0.1 -p "$port" && return
    pid_of "$name" >/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$RUN/$name.log" >&2
  fail "PostgreSQL does not answer on port $port"
}

stop_postgres() { # NAME: a fast shutdown of the server itself; its wrapper ends with it
  place_cluster "$1"
  if find_postgres && [ -d "$CLUSTER" ]; then as_postgres "$PG_BIN/pg_ctl" -D "$CLUSTER" -m fast -w -t 60 stop >/dev/null 2>&1 || true; fi
  halt "$1"
}

sql() { "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$1" -U postgres "${@:2}"; }

make_database() { # PORT
  sql "$1" -c "create role crm login password 'crm' createdb" -c "create database crm owner crm"
}

# --- BottleCRM

settings() { # PORT of the database
  [ -s "$RUN/secret_key" ] || (umask 077 && head -c 48 /dev/urandom | base64 -w0 >"$RUN/secret_key")
  export DJANGO_SETTINGS_MODULE=crm.settings ENV_TYPE=dev DEBUG=False ALLOWED_HOSTS=127.0.0.1,localhost \
    DBNAME=crm DBUSER=crm DBPASSWORD=crm DBHOST=127.0.0.1 DBPORT="$1" \
    CELERY_BROKER_URL=memory:// CELERY_RESULT_BACKEND=cache+memory:// EMAIL_HOST=127.0.0.1 EMAIL_PORT=9
  SECRET_KEY=$(cat "$RUN/secret_key")
  export SECRET_KEY
}

# write_snapshot FILE: migrates an empty database (minutes of CPU) and dumps it.
write_snapshot() {
  local port=${NAVE_BOTTLECRM_SNAPSHOT_PORT:-8533}
  say "migrating an empty database; this takes minutes (log: $RUN/migrate.log)"
  start_postgres snapshot "$port"
  make_database "$port"
  (settings "$port" && cd "$RUN" && "$VENV/bin/python" -m django migrate --noinput) >"$RUN/migrate.log" 2>&1 </dev/null || { tail -n 20 "$RUN/migrate.log" >&2; fail "django could not migrate"; }
  {
    echo "-- requirements $REQUIREMENTS"
    # \restrict carries a random word and is unknown to older clients.
    "$PG_BIN/pg_dump" -h 127.0.0.1 -p "$port" -U postgres crm | grep -vE '^\\(un)?restrict '
  } | gzip -9n >"$1.new"
  mv "$1.new" "$1"
  stop_postgres snapshot
  rm -rf "$CLUSTER"
}

# The snapshot of the checkout where it fits the requirements, or one made here and kept.
find_snapshot() {
  SNAPSHOT=$HERE/migrated.sql.gz
  # sed reads to the end: a reader that stops early would break the pipe
  [ -f "$SNAPSHOT" ] && [ "$(zcat "$SNAPSHOT" | sed -n 1p)" = "-- requirements $REQUIREMENTS" ] && return
  SNAPSHOT=$CACHE/migrated-$REQUIREMENTS.sql.gz
  lock_installation
  [ -f "$SNAPSHOT" ] || write_snapshot "$SNAPSHOT"
  unlock_installation
}

fill_database() {
  find_snapshot
  { make_database "$PG_PORT" && zcat "$SNAPSHOT" | sql "$PG_PORT" crm; } >"$RUN/fill.log" 2>&1 || { tail -n 20 "$RUN/fill.log" >&2; fail "could not load $SNAPSHOT"; }
  (cd "$RUN" && umask 077 && "$VENV/bin/python" "$HERE/seed.py" "$RUN/token.new") >>"$RUN/fill.log" 2>&1 </dev/null || { tail -n 20 "$RUN/fill.log" >&2; fail "could not seed the database"; }
  mv "$RUN/token.new" "$RUN/token" # last: a run folder with a token is complete
}

start() {
  venv_from_requirements 3.12
  need_postgres
  [ -s "$RUN/token" ] || erase # what an interrupted first start left behind
  start_postgres postgres "$PG_PORT"
  settings "$PG_PORT"
  [ -s "$RUN/token" ] || fill_database
  if ! pid_of crm >/dev/null; then
    port_must_be_free "$PORT" NAVE_BOTTLECRM_PORT
    (cd "$RUN" && daemon crm "$VENV/bin/gunicorn" -b "127.0.0.1:$PORT" -w 1 --threads 4 --timeout 120 --access-logfile "$RUN/access.log" crm.wsgi:application)
  fi
  wait_for_answer crm "$BASE/contacts/?limit=1" "Bearer $(cat "$RUN/token")"
  report "$(pid_of crm)"
}

stop() {
  halt crm
  stop_postgres postgres
  stop_postgres snapshot
}

erase() {
  stop
  place_cluster snapshot
  rm -rf "$CLUSTER"
  place_cluster postgres
  rm -rf "$CLUSTER" "$RUN"/{token,token.new,secret_key} "$RUN"/*.log
}

lock_run
case ${1:-start} in
  start) start ;;
  stop) stop ;;
  reset) erase; start ;;
  remove) erase ;;
  status) if pid=$(pid_of crm); then report "$pid"; else say "not running"; exit 3; fi ;;
  snapshot) venv_from_requirements 3.12; need_postgres; place_cluster snapshot; stop_postgres snapshot; rm -rf "$CLUSTER"; write_snapshot "$HERE/migrated.sql.gz"; say "wrote $HERE/migrated.sql.gz" ;;
  *) echo "usage: $0 [start | stop | reset | remove | status | snapshot]" >&2; exit 2 ;;
esac
