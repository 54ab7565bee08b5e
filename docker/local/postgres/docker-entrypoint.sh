#!/bin/bash
# A subset of the entrypoint of the public image: the server does not run as root; the first start creates the cluster, the
# user and the database, and runs the scripts in /docker-entrypoint-initdb.d.
set -eu
case $1 in -*) set -- postgres "$@" ;; esac
if [ "$1" != postgres ]; then exec "$@"; fi

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chown -R postgres "$PGDATA" /var/run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

# setting NAME DEFAULT: prints the content of the file named by NAME_FILE, else the value of NAME, else DEFAULT.
setting() {
    local file=$1_FILE
    if [ -n "${!file-}" ]; then cat "${!file}"; else printf %s "${!1-$2}"; fi
}

run_scripts() {
    local script
    for script in /docker-entrypoint-initdb.d/*; do
        echo "docker-entrypoint.sh: $script"
        case $script in
            *.sh)
                # shellcheck source=/dev/null
                if [ -x "$script" ]; then "$script"; else . "$script"; fi
                ;;
            *.sql)
                psql --set ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --file "$script"
                ;;
        esac
    done
}

if ! [ -s "$PGDATA/PG_VERSION" ]; then
    POSTGRES_USER=$(setting POSTGRES_USER postgres)
    POSTGRES_DB=$(setting POSTGRES_DB "$POSTGRES_USER")
    POSTGRES_PASSWORD=$(setting POSTGRES_PASSWORD '')
    export POSTGRES_USER POSTGRES_DB POSTGRES_PASSWORD
    if [ -z "$POSTGRES_PASSWORD" ]; then
        echo "docker-entrypoint.sh: POSTGRES_PASSWORD must be set for the first start" >&2
        exit 1
    fi
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") --auth=trust
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    # Accepts no network connections until the initialisation is complete.
    pg_ctl --pgdata="$PGDATA" --options="-c listen_addresses=''" --wait start
    if [ "$POSTGRES_DB" != postgres ]; then
        createdb --username="$POSTGRES_USER" --maintenance-db=postgres "$POSTGRES_DB"
    fi
    run_scripts
    pg_ctl --pgdata="$PGDATA" --mode=fast --wait stop
fi
exec "$@"
