#!/bin/sh
# Records anew what the shipped connectors and their simulated systems say to each other: plugins/NAME/recordings/NAME.json, masked.
# Needs `nave` and python3 on the path, and the plugins built (NAVE_PLUGINS names their folder). Run from the checkout, when a
# connector asks for something else than it did. What a real system says is recorded from the running ones whose lines (of
# tests/systems/NAME/start.sh reset) NAVE_TRYTON, NAVE_BOTTLECRM, NAVE_RT and NAVE_SYMPA hold; a dozen people are entered there first,
# but for Sympa, which has its seed. With arguments: only these plugins.
set -eu
root=$(pwd)
plugins=${NAVE_PLUGINS:-$root/target/plugins}
work=$(mktemp -d)
running=""
ended() {
    for pid in $running; do kill "$pid" 2> /dev/null || true; done
    rm -rf "$work"
}
trap ended EXIT INT TERM

# word FILE KEY: one word of what a simulated system says of itself.
word() { python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); print(d.get(sys.argv[2]) or d["credential"].get(sys.argv[2], ""))' "$1" "$2"; }

# wanted PLUGIN: whether it is to be recorded.
wanted() { case " ${names:-$1} " in *" $1 "*) ;; *) return 1 ;; esac; }
names=$*

# record PLUGIN TOKEN SETTING...: connects it, and keeps what is said.
record() {
    plugin=$1 token=$2
    shift 2
    cd "$work/hub"
    nave plugin install "$plugins/$plugin.wasm" > "$work/log"
    printf %s "$token" | nave connection add "$plugin" --name "$plugin" "$@" --grant-network 127.0.0.0/8 --insecure \
        --because "a system on this machine" --secret-from - --yes > "$work/log"
    # Every stream is recorded where no mapping chooses some.
    rm -f mappings/"$plugin"-*.toml
    nave plugin record "$plugin" --records 20
    cd "$root"
    mkdir -p "plugins/$plugin/recordings"
    cp "$work/hub/recordings/$plugin.json" "plugins/$plugin/recordings/$plugin.json"
}

nave init "$work/hub" > "$work/log"
for pair in hubspot:crm xero:books zendesk:desk mailchimp:mail; do
    plugin=${pair%%:*} system=${pair##*:}
    wanted "$plugin" || continue
    nave sim "$system" --records 12 --seed 7 --json > "$work/$system.json" &
    running="$running $!"
    tries=0
    until [ -s "$work/$system.json" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || { echo "the simulated $system does not start" >&2; exit 1; }
        sleep 0.1
    done
    url=$(word "$work/$system.json" base_url) token=$(word "$work/$system.json" token)
    set --
    case $plugin in
        xero) url=$url/api.xro/2.0; set -- --set "tenant=$(word "$work/$system.json" tenant_id)" ;;
        zendesk) token=$(word "$work/$system.json" user):$token ;;
        mailchimp) token=any:$token; set -- --set audience=a1b2c3d4e5 ;;
    esac
    record "$plugin" "$token" --set "url=$url" "$@"
done

# real PLUGIN LINE END SETTING...: one that runs, where there is a line; END is the end of its address that the connector writes itself.
real() {
    plugin=$1 line=$2 end=$3
    shift 3
    wanted "$plugin" || return 0
    [ -n "$line" ] || { echo "$plugin: no system runs (see the top of this file), so its recording stays as it is" >&2; return 0; }
    printf %s "$line" > "$work/$plugin.json"
    python3 "$root/tests/systems/fill.py" "$line"
    url=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["base"])' "$work/$plugin.json")
    token=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["credential"])' "$work/$plugin.json")
    record "$plugin" "$token" --set "url=${url%"$end"}" "$@"
}
real tryton "${NAVE_TRYTON:-}" /rest/model
real bottlecrm "${NAVE_BOTTLECRM:-}" ""
real request-tracker "${NAVE_RT:-}" /REST/2.0
real sympa "${NAVE_SYMPA:-}" "" --set application=nave --set user=listmaster@lists.example.test --set list=newsletter
