#!/usr/bin/env bash
# Sympa 6.2 (Debian's package) on SQLite, with its SOAP interface behind lighttpd: `start.sh [start | stop | reset | remove | status]`; see ../README.md and ../lib.sh.
# Prints {"system","base","credential" (password of the trusted application `nave`),"pid","requests" (the log of every request)}.
SYSTEM=sympa
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
PORT=${NAVE_SYMPA_PORT:-8503}
BASE=http://127.0.0.1:$PORT
SERVER=/usr/lib/cgi-bin/sympa/sympa_soap_server.fcgi
export SYMPA_CONFIG=$RUN/data/sympa.conf

report() { printf '{"system":"sympa","base":"%s","credential":"%s","pid":%s,"requests":"%s"}\n' "$BASE" "$(cat "$RUN/data/password")" "$1" "$RUN/data/access.log"; }

need_sympa() {
  [ -x "$SERVER" ] && [ -x /usr/sbin/lighttpd ] && return
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then skip "needs Debian's sympa and lighttpd and may not install them. Type: sudo apt-get install sympa lighttpd"; fi
  lock_installation
  if [ ! -x "$SERVER" ] || [ ! -x /usr/sbin/lighttpd ]; then
    say "installing sympa (takes minutes; log: $CACHE/apt.log)"
    # The package's own database and configuration stay unused: every run has its own.
    answer_packages <<'ANSWERS'
sympa sympa/dbconfig-install boolean true
sympa sympa/database-type select sqlite3
sympa sympa/use_soap boolean false
sympa wwsympa/webserver_type select none
sympa wwsympa/remove_spool boolean true
sympa sympa/hostname string lists.example.test
sympa sympa/listmaster string listmaster@lists.example.test
ANSWERS
    # It depends on a mail server and a system log; the smallest will do where there is none. Neither is used.
    local more=(dbconfig-sqlite3)
    [ -e /usr/sbin/sendmail ] || more+=(msmtp-mta)
    command -v rsyslogd syslog-ng syslogd >/dev/null || more+=(busybox-syslogd)
    apt_install sympa lighttpd "${more[@]}" || skip "apt-get could not install sympa (log: $CACHE/apt.log)"
  fi
  unlock_installation
}

# No mail leaves: what Sympa would send is read and thrown away.
write_config() {
  local data=$RUN/data
  mkdir -p "$data"/{etc,lists,spool,arc,bounce,css,pictures}
  printf '#!/bin/sh\nexec cat >/dev/null\n' >"$data/no-mail"
  chmod 755 "$data/no-mail"
  [ -s "$data/password" ] || (umask 077 && od -An -N18 -tx1 /dev/urandom | tr -d ' \n' >"$data/password")
  cat >"$SYMPA_CONFIG" <<CONFIG
domain lists.example.test
listmaster listmaster@lists.example.test
lang en
db_type SQLite
db_name $data/sympa.sqlite
etc $data/etc
home $data/lists
spool $data/spool
queue $data/spool/msg
arc_path $data/arc
bounce_path $data/bounce
css_path $data/css
pictures_path $data/pictures
sendmail $data/no-mail
sendmail_aliases none
wwsympa_url http://127.0.0.1:$PORT/sympa
soap_url http://127.0.0.1:$PORT/sympasoap
CONFIG
  # The only way that Sympa has for a program: it says its name and password with every call, and as whom it acts.
  cat >"$data/etc/trusted_applications.conf" <<CONFIG
trusted_application
name nave
md5password $(md5sum <"$data/password" | cut -d' ' -f1)
proxy_for_variables USER_EMAIL
CONFIG
  # One process: SQLite has one writer.
  cat >"$data/lighttpd.conf" <<CONFIG
server.modules = ("mod_accesslog", "mod_fastcgi")
server.document-root = "$data/css"
server.bind = "127.0.0.1"
server.port = $PORT
accesslog.filename = "$data/access.log"
fastcgi.server = ("/sympasoap" => (("socket" => "$data/soap.socket", "bin-path" => "$SERVER", "max-procs" => 1, "check-local" => "disable",
  "bin-environment" => ("SYMPA_CONFIG" => "$SYMPA_CONFIG"))))
CONFIG
}

# Sympa answers 411 to a GET: there is no envelope in it.
wait_for_soap() {
  local pid tenths
  for ((tenths = 0; tenths < READY_SECONDS * 10; tenths++)); do
    pid=$(pid_of sympa) || break
    [ "$(http_status "$BASE/sympasoap")" != 411 ] || return 0
    sleep 0.1
  done
  tail -n 20 "$RUN/sympa.log" >&2
  fail "sympa does not answer at $BASE/sympasoap"
}

http_status() {
  python3 - "$1" <<'PYTHON' 2>/dev/null || true
import sys, urllib.error, urllib.request
try:
    print(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=20).status)
except urllib.error.HTTPError as error:
    print(error.code)
PYTHON
}

start() {
  local pid
  if pid=$(pid_of sympa); then
    wait_for_soap
    report "$pid"
    return
  fi
  need_sympa
  write_config
  if [ ! -e "$RUN/data/seeded" ]; then
    perl "$HERE/seed.pl" "$RUN/data/lists" "$HERE/lists" >"$RUN/seed.log" 2>&1 </dev/null || { tail -n 20 "$RUN/seed.log" >&2; fail "could not make the lists"; }
    touch "$RUN/data/seeded"
  fi
  port_must_be_free "$PORT" NAVE_SYMPA_PORT
  daemon sympa /usr/sbin/lighttpd -D -f "$RUN/data/lighttpd.conf"
  wait_for_soap
  report "$(pid_of sympa)"
}

erase() { rm -rf "$RUN/data" "$RUN/seed.log" "$RUN/sympa.log"; }

lock_run
case ${1:-start} in
  start) start ;;
  stop) halt sympa ;;
  reset) halt sympa; erase; start ;;
  remove) halt sympa; erase ;;
  status) if pid=$(pid_of sympa); then report "$pid"; else say "not running"; exit 3; fi ;;
  *) echo "usage: $0 [start | stop | reset | remove | status]" >&2; exit 2 ;;
esac
