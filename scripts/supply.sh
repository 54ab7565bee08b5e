#!/bin/sh
# Checks the dependencies of the binary: licences, sources, duplicate versions (deny.toml has the rules), unused
# dependencies, and known vulnerabilities. The last check fetches the RustSec database with git and fails if it cannot;
# SUPPLY_OFFLINE=1 leaves it out.
set -eu
cd "$(dirname "$0")"
deny=$(./cargo-tool.sh cargo-deny 0.20.2)
machete=$(./cargo-tool.sh cargo-machete 0.9.2)
cd ..
"$deny" --locked check -D warnings licenses bans sources
"$machete" .
if [ "${SUPPLY_OFFLINE-}" = 1 ]; then
    echo "supply: known vulnerabilities were not checked, because SUPPLY_OFFLINE=1 is set"
    exit
fi
if ! log=$("$deny" --locked fetch db 2>&1); then
    echo "$log" >&2
    echo "supply: the database of known vulnerabilities cannot be fetched; SUPPLY_OFFLINE=1 leaves this check out" >&2
    exit 1
fi
"$deny" --locked check -D warnings advisories
