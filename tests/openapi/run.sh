#!/usr/bin/env bash
# Checks the simulated systems, and what `nave plugin new --from` makes, against the vendors' own API documents: run.sh [folder of the documents].
# Default: $NAVE_OPENAPI, else ../shared/openapi beside the repository. Without documents it says that it was skipped, and exits 0.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
documents=${1:-${NAVE_OPENAPI:-$root/../shared/openapi}}
for file in hubspot/crm-contacts-v3.json hubspot/crm-companies-v3.json xero/xero_accounting.yaml mailchimp/marketing-apisguru.json; do
  if [ ! -f "$documents/$file" ]; then
    echo "skipped: the vendors' documents are not at hand ($file is not in $documents); set NAVE_OPENAPI to their folder"
    echo "0 passed, 0 failed"
    exit 0
  fi
done
if ! "$here/venv/bin/python" -c 'import openapi_schema_validator, yaml' 2>/dev/null; then
  python3 -m venv "$here/venv"
  "$here/venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
fi
cd "$root"
cargo build --quiet --workspace --example serve --bin nave
target=${CARGO_TARGET_DIR:-$root/target}
"$here/venv/bin/python" "$here/check.py" "$target/debug/examples/serve" "$documents"
nave=${NAVE_BIN:-$target/debug/nave}
exec "$here/venv/bin/python" "$here/described.py" "$nave" "$documents"
