#!/bin/sh
# Prints the directory of PostgreSQL's programs; installs the server from Debian if it is not there, which takes root.
set -eu
newest() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }
if ! [ -x "$(newest)/initdb" ]; then
    # Several tests may ask at once: the first one installs, the others wait.
    exec 9>/run/lock/vault-exec-postgres
    flock 9
    if ! [ -x "$(newest)/initdb" ]; then
        # No cluster but those of the tests is wanted.
        conf=/etc/postgresql-common/createcluster.conf
        mkdir -p "${conf%/*}"
        [ -e "$conf" ] || echo 'create_main_cluster = false' >"$conf"
        export DEBIAN_FRONTEND=noninteractive
        apt-get update --quiet >&2
        apt-get install --quiet --yes --no-install-recommends postgresql >&2
    fi
fi
newest
