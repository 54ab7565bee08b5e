#!/bin/sh
# Installs from Debian the programs that building and testing need and a minimal system lacks, which requires root. Servers
# and Python packages are installed by the scripts in test-deps/ when a test needs them.
set -eu
missing=
for pair in cc:build-essential make:make openssl:openssl curl:curl ip:iproute2 python3:python3 ssh-keygen:openssh-client \
    strace:strace; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
python3 -m pip --version >/dev/null 2>&1 || missing="$missing python3-pip"
if [ -n "$missing" ]; then
    apt-get update -qq
    # shellcheck disable=SC2086 # a list of packages
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi
