#!/bin/sh
# Prints the path of tinyproxy, the proxy of the tests. Installs it from Debian if it is missing, which requires root.
set -eu
if ! command -v tinyproxy; then
    # Of several callers at once, the first one installs and the others wait.
    exec 9>/run/lock/vault-exec-tinyproxy
    flock 9
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends tinyproxy-bin; } >&2
    command -v tinyproxy
fi
