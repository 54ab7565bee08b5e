#!/bin/sh
# What the binary is made of: which licences, from where, nothing twice (deny.toml says what of it is allowed), and no
# dependency that nothing uses.
set -eu
cd "$(dirname "$0")"
deny=$(./cargo-tool.sh cargo-deny 0.20.2)
machete=$(./cargo-tool.sh cargo-machete 0.9.2)
cd ..
"$deny" --locked check -D warnings licenses bans sources
"$machete" .
