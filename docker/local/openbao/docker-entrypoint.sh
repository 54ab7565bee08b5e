#!/bin/sh
# Like the entrypoint of the public image: passes its configuration directory and dev token to `server`. If the first argument
# is not a program, runs it as a command of bao.
set -eu
if [ "$1" = server ]; then
    shift
    set -- bao server -config=/openbao/config -dev-root-token-id="${BAO_DEV_ROOT_TOKEN_ID-}" \
        -dev-listen-address="${BAO_DEV_LISTEN_ADDRESS:-0.0.0.0:8200}" "$@"
elif ! which "$1" >/dev/null; then
    set -- bao "$@"
fi
exec "$@"
