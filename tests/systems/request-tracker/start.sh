#!/usr/bin/env bash
# Request Tracker 5 (Debian's package) on SQLite, with its REST API 2: `start.sh [start | stop | reset | remove | status]`; see ../README.md and ../lib.sh.
# Prints {"system","base","credential","pid","requests" (the log of every request)}.
SYSTEM=request-tracker
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
PORT=${NAVE_RT_PORT:-8502}
BASE=http://127.0.0.1:$PORT/REST/2.0
SERVER=/usr/share/request-tracker5/libexec/rt-server
export RT_SITE_CONFIG=$RUN/RT_SiteConfig.pm RT_SITE_CONFIG_DIR=$RUN/conf.d

report() { printf '{"system":"request-tracker","base":"%s","credential":"%s","pid":%s,"requests":"%s"}\n' "$BASE" "$(cat "$RUN/token")" "$1" "$RUN/rt.log"; }

need_rt() {
  [ -x "$SERVER" ] && dpkg -s rt5-db-sqlite >/dev/null 2>&1 && return
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then skip "needs Debian's request-tracker5 and may not install it. Type: sudo apt-get install rt5-db-sqlite request-tracker5"; fi
  lock_installation
  if [ ! -x "$SERVER" ] || ! dpkg -s rt5-db-sqlite >/dev/null 2>&1; then
    say "installing request-tracker5 (takes minutes; log: $CACHE/apt.log)"
    # Neither a database of the system's nor jobs of its cron: every run has its own.
    printf 'request-tracker5 request-tracker5/%s boolean false\n' install-cronjobs dbconfig-install >"$CACHE/answers"
    answer_packages <"$CACHE/answers"
    apt_install rt5-db-sqlite request-tracker5 || skip "apt-get could not install request-tracker5 (log: $CACHE/apt.log)"
  fi
  unlock_installation
}

# A token is hashed anew for every request: at the usual cost that takes half a second.
write_config() { # FILE FOLDER
  mkdir -p "$RT_SITE_CONFIG_DIR"
  cat >"$1" <<CONFIG
Set(\$rtname, 'rt.example.test'); Set(\$Organization, 'example.test');
Set(\$WebDomain, '127.0.0.1'); Set(\$WebPort, $PORT); Set(\$WebPath, ''); Set(\$WebBaseURL, 'http://127.0.0.1:$PORT');
Set(\$Timezone, 'Europe/Berlin'); Set(\$WebSecureCookies, 0); Set(\$BcryptCost, 4);
Set(\$DatabaseType, 'SQLite'); Set(\$DatabaseName, '$2/rt.db'); Set(\$DatabaseHost, ''); Set(\$DatabaseUser, ''); Set(\$DatabasePassword, '');
Set(\$MailCommand, 'mbox'); Set(\$LogToSyslog, undef); Set(\$LogToSTDERR, 'warning'); Set(\$LogToFile, undef);
1;
CONFIG
}

# Making an empty database takes twenty seconds, so one is kept per version of what it is made from.
make_template() {
  TEMPLATE=$CACHE/template-$({ cat "$HERE/seed.pl" "$HERE/start.sh"; dpkg-query -W request-tracker5; } | sha256sum | cut -c1-16)
  lock_installation
  if [ ! -s "$TEMPLATE/token" ]; then
    local work log=$CACHE/template.log
    work=$(mktemp -d "$CACHE/making.XXXXXX")
    say "making a database with its seed (log: $log)"
    write_config "$RT_SITE_CONFIG" "$work"
    { rt-setup-database-5 --action init --skip-create && (umask 077 && perl "$HERE/seed.pl" >"$work/token.new"); } >"$log" 2>&1 </dev/null ||
      { tail -n 20 "$log" >&2; rm -rf "$work"; fail "could not make the database"; }
    mv "$work/token.new" "$work/token"
    find "$CACHE" -maxdepth 1 -name 'template-*' -mtime +30 -exec rm -rf {} +
    mv "$work" "$TEMPLATE"
  fi
  unlock_installation
}

start() {
  local pid
  if pid=$(pid_of rt); then
    wait_for_answer rt "$BASE/rt" "token $(cat "$RUN/token")"
    report "$pid"
    return
  fi
  need_rt
  if [ ! -s "$RUN/token" ]; then
    make_template
    mkdir -p "$RUN/data"
    cp "$TEMPLATE/rt.db" "$RUN/data/"
    (umask 077 && cp "$TEMPLATE/token" "$RUN/data/")
    mv "$RUN/data/token" "$RUN/token" # last: a run folder with a token is complete
  fi
  port_must_be_free "$PORT" NAVE_RT_PORT
  write_config "$RT_SITE_CONFIG" "$RUN/data"
  (cd "$RUN" && daemon rt "$SERVER" --server Starlet --host 127.0.0.1 --port "$PORT" --max-workers 4)
  wait_for_answer rt "$BASE/rt" "token $(cat "$RUN/token")"
  report "$(pid_of rt)"
}

erase() { rm -rf "$RUN/data" "$RUN/token" "$RT_SITE_CONFIG" "$RT_SITE_CONFIG_DIR" "$RUN/rt.log"; }

lock_run
case ${1:-start} in
  start) start ;;
  stop) halt rt ;;
  reset) halt rt; erase; start ;;
  remove) halt rt; erase ;;
  status) if pid=$(pid_of rt); then report "$pid"; else say "not running"; exit 3; fi ;;
  *) echo "usage: $0 [start | stop | reset | remove | status]" >&2; exit 2 ;;
esac
