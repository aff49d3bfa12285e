# shellcheck shell=bash
# What the start scripts of the real systems share. Sourced by <system>/start.sh after it has set SYSTEM.
#
# Three places, never the checkout:
#   CACHE  what was installed and may be used again by any clone: $NAVE_SYSTEMS_CACHE, or ~/.cache/nave/systems, one folder per system
#   RUN    data, logs and pid files of one running copy: $NAVE_SYSTEMS_RUN/<system>, or CACHE/run
#   HERE   the folder of the start script, only read (except by `bottlecrm/start.sh snapshot`)
# Exit codes: 0 done, 1 failed, 77 this machine cannot run the system (the caller counts it as skipped).
set -euo pipefail
umask 022
export LC_ALL=C.UTF-8

HERE=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
CACHE=${NAVE_SYSTEMS_CACHE:-$HOME/.cache/nave/systems}/$SYSTEM
RUN=${NAVE_SYSTEMS_RUN:+$NAVE_SYSTEMS_RUN/$SYSTEM}
RUN=${RUN:-$CACHE/run}
LIFE_HOURS=${NAVE_SYSTEMS_HOURS:-4} # a forgotten daemon ends by itself after this long
READY_SECONDS=${NAVE_SYSTEMS_READY_SECONDS:-300}
mkdir -p "$CACHE" "$RUN"
CACHE=$(cd "$CACHE" && pwd)
RUN=$(cd "$RUN" && pwd)

# digest FILE...: short name for "made from exactly these files".
digest() { cat "$@" | sha256sum | cut -c1-16; }

# One per list of requirements, so that an older checkout's running server keeps the one it was started from.
# A system without such a list needs no Python of its own.
VENV=
if [ -f "$HERE/requirements.txt" ]; then VENV=$CACHE/venv-$(digest "$HERE/requirements.txt"); fi

# Progress goes to stderr: stdout carries only the one JSON line.
say() { echo "$SYSTEM: $*" >&2; }
fail() { say "$*"; exit 1; }
skip() { say "skipped: $*"; exit 77; }

# Locks: waited for, then held until this script ends. Daemons do not inherit them (see daemon).
lock_installation() { exec 8>"$CACHE/install.lock"; flock -w 3600 8 || fail "another installation has held $CACHE/install.lock for an hour"; }
unlock_installation() { exec 8>&-; }
lock_run() { exec 9>"$RUN/lock"; flock -w 3600 9 || fail "another start or stop has held $RUN/lock for an hour"; }

# python_at_least MAJOR.MINOR: path of the first Python that is new enough and can make virtual environments with TLS and SQLite.
python_at_least() {
  local python candidates=()
  [ -z "${NAVE_SYSTEMS_PYTHON:-}" ] || candidates+=("$NAVE_SYSTEMS_PYTHON")
  for python in python3 python3.14 python3.13 python3.12 python3.11; do candidates+=("$(command -v "$python" || true)"); done
  candidates+=(/usr/bin/python3 /usr/local/bin/python3.[0-9]* "$HOME"/.pyenv/versions/3.*/bin/python3 /opt/python*/bin/python3)
  for python in "${candidates[@]}"; do
    [ -x "$python" ] || continue
    "$python" - "$1" >/dev/null 2>&1 <<'PYTHON' || continue
import ensurepip, sqlite3, ssl, sys, venv
sys.exit(sys.version_info[:2] < tuple(int(part) for part in sys.argv[1].split(".")))
PYTHON
    # A pyenv shim only works where its version is switched on: hand out the real file.
    "$python" -c 'import os, sys; print(os.path.realpath(sys.executable))'
    return 0
  done
  return 1
}

# venv_from_requirements MAJOR.MINOR: VENV holds what HERE/requirements.txt names; built once.
venv_from_requirements() {
  lock_installation
  if [ ! -f "$VENV/complete" ] || ! "$VENV/bin/python" -c '' 2>/dev/null; then
    local python
    if ! python=$(python_at_least "$1"); then
      if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt_install python3-venv || true; fi
      python=$(python_at_least "$1") || skip "needs Python $1 or newer with venv, ssl and sqlite3; found none on PATH, in /usr/bin, /usr/local/bin or ~/.pyenv/versions. Install one, or name it: NAVE_SYSTEMS_PYTHON=/path/to/python3"
    fi
    say "installing into $VENV with $python (takes minutes; log: $CACHE/pip.log)"
    rm -rf "$VENV"
    "$python" -m venv "$VENV" </dev/null
    "$VENV/bin/python" -m pip install --disable-pip-version-check --no-input -q -r "$HERE/requirements.txt" >"$CACHE/pip.log" 2>&1 </dev/null ||
      { tail -n 20 "$CACHE/pip.log" >&2; fail "pip could not install $HERE/requirements.txt"; }
    touch "$VENV/complete"
  fi
  unlock_installation
}

# One system at a time installs packages: who waits for the package manager's own lock is let in, who answers its questions meanwhile is not.
lock_packages() { exec 7>"$(dirname "$CACHE")/packages.lock"; flock -w 3600 7 || fail "another installation of packages has taken an hour"; }

# answer_packages: what the packages that are installed next would ask, from standard input, as debconf-set-selections takes it.
answer_packages() { lock_packages; debconf-set-selections; }

# apt_install PACKAGE...: by name; the list of packages is refreshed only if the first try does not find them.
apt_install() {
  local log=$CACHE/apt.log code=0
  lock_packages
  : >"$log"
  apt_once() { DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=900 install -y -q --no-install-recommends "$@" >>"$log" 2>&1 </dev/null; }
  apt_once "$@" || { apt-get -o DPkg::Lock::Timeout=900 update -q >>"$log" 2>&1 </dev/null || true; apt_once "$@"; } ||
    { tail -n 20 "$log" >&2; code=1; }
  exec 7>&-
  return "$code"
}

# started_at PID: when the kernel started that process, so that a pid used again by a stranger is not taken for ours; nothing for a zombie.
started_at() { { sed 's/.*) //' "/proc/$1/stat" | awk '$1 != "Z" { print $20 }'; } 2>/dev/null || true; }

# daemon NAME COMMAND...: in a session of its own, output in RUN/NAME.log, "<pid> <start>" in RUN/NAME.pid.
daemon() {
  local name=$1
  shift
  ( exec 7>&- 8>&- 9>&-; exec setsid timeout -s INT -k 30 "${LIFE_HOURS}h" "$@" ) >"$RUN/$name.log" 2>&1 </dev/null &
  local pid=$!
  echo "$pid $(started_at "$pid")" >"$RUN/$name.pid"
}

# pid_of NAME: prints the daemon's pid if it still runs.
pid_of() {
  local pid start
  [ -s "$RUN/$1.pid" ] || return 1
  read -r pid start <"$RUN/$1.pid"
  [ -n "$start" ] && [ "$(started_at "$pid")" = "$start" ] && echo "$pid"
}

# session_members PID: pids in the session that PID leads, zombies not counted. From /proc, so that no tool need be installed.
session_members() { cat /proc/[0-9]*/stat 2>/dev/null | sed 's/^\([0-9]*\) (.*) /\1 /' | awk -v leader="$1" '$5 == leader && $2 != "Z" { print $1 }'; }

# halt NAME: end the daemon and everything in its session; returns when nothing is left of it.
halt() {
  local pid signal members tenths
  if pid=$(pid_of "$1"); then
    for signal in INT TERM KILL; do
      # shellcheck disable=SC2046 # one word per pid is meant
      kill "-$signal" $(session_members "$pid") 2>/dev/null || true
      for ((tenths = 0; tenths < 100; tenths++)); do
        members=$(session_members "$pid")
        [ -n "$members" ] || break 2
        sleep 0.1
      done
    done
    [ -z "$members" ] || fail "could not end $1 (session $pid, still there: ${members//$'\n'/ })"
  fi
  rm -f "$RUN/$1.pid"
}

# port_must_be_free PORT VARIABLE: somebody else's server must not be mistaken for ours.
port_must_be_free() {
  if (exec 7<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
    fail "port $1 is already taken by another program; stop it or choose another port with $2=..."
  fi
}

# wait_for_answer NAME URL [AUTHORIZATION]: until the URL answers 2xx; gives up when the daemon ends or after READY_SECONDS.
wait_for_answer() {
  local name=$1 pid
  pid=$(pid_of "$name") || { tail -n 20 "$RUN/$name.log" >&2; fail "$name ended at once"; }
  "${VENV:+$VENV/bin/}python3" - "$pid" "$READY_SECONDS" "$2" "${3:-}" <<'PYTHON' || { tail -n 20 "$RUN/$name.log" >&2; fail "$name does not answer at $2"; }
import os, sys, time, urllib.error, urllib.request
pid, seconds, url, authorization = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
request = urllib.request.Request(url, headers={"Authorization": authorization} if authorization else {})
deadline, last = time.monotonic() + seconds, "nothing tried"
while time.monotonic() < deadline:
    try:
        with opener.open(request, timeout=20):
            sys.exit(0)
    except (OSError, urllib.error.HTTPError) as error:
        last = error
    if not os.path.exists(f"/proc/{pid}"):
        sys.exit(f"process {pid} has ended")
    time.sleep(0.2)
sys.exit(f"gave up after {seconds:.0f} s: {last}")
PYTHON
}

