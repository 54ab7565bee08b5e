#!/bin/sh
# Prints the directory of PostgreSQL's programs. Installs the server from Debian if it is missing, which requires root.
set -eu
newest() { printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1; }
if ! [ -x "$(newest)/initdb" ]; then
    # Of several callers at once, the first one installs and the others wait.
    exec 9>/run/lock/vault-exec-postgres
    flock 9
    if ! [ -x "$(newest)/initdb" ]; then
        # Keeps the package from creating and starting a cluster of its own.
        conf=/etc/postgresql-common/createcluster.conf
        mkdir -p "${conf%/*}"
        [ -e "$conf" ] || echo 'create_main_cluster = false' >"$conf"
        export DEBIAN_FRONTEND=noninteractive
        apt-get update --quiet >&2
        apt-get install --quiet --yes --no-install-recommends postgresql >&2
    fi
fi
newest
