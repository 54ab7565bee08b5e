#!/bin/sh
# Installs what vault-exec is measured against: from Debian, and pinned into tests/.tools, which git ignores.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tools=$here/../tests/.tools
mkdir -p "$tools"
exec 9>"$tools/lock"
flock 9
missing=
for tool in curl jq valgrind python3; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
if [ -n "$missing" ]; then
    apt-get update -qq
    # shellcheck disable=SC2086 # a list
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi
for peer in hvac vault-cli; do
    if ! [ -d "$tools/$peer" ]; then
        rm -rf "$tools/part"
        python3 -m pip install --quiet --no-deps --disable-pip-version-check --root-user-action=ignore \
            --require-hashes --requirement "$here/$peer.txt" --target "$tools/part"
        mv "$tools/part" "$tools/$peer"
    fi
done
if ! [ -x "$tools/secretspec/bin/secretspec" ]; then
    cargo install --quiet --locked secretspec --version 0.21.1 --no-default-features --features cli,openbao \
        --root "$tools/secretspec" || echo "secretspec cannot be built here, and is not measured" >&2
fi
