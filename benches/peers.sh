#!/bin/sh
# Installs the launchers that vault-exec is compared with: from Debian, which requires root, and into tests/.tools.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
secretspec=$here/../tests/.tools/secretspec
missing=
for tool in curl jq python3; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
if [ -n "$missing" ]; then
    apt-get update -qq
    # shellcheck disable=SC2086 # a list of packages
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi
for peer in hvac vault-cli; do
    "$here/../scripts/test-deps/wheels.sh" "$here/$peer.txt" >/dev/null
done
if ! [ -x "$secretspec/bin/secretspec" ]; then
    cargo install --quiet --locked secretspec --version 0.21.1 --no-default-features --features cli,openbao \
        --root "$secretspec" || echo "peers: secretspec could not be built and is not measured" >&2
fi
