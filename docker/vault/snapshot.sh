#!/bin/sh
# Saves a snapshot of the cluster again and again, keeps the newest ones, and tells Prometheus when the last one was made.
# A snapshot is encrypted as the storage is: without the key of the seal it is worth nothing, to a thief and to you.
set -eu
umask 077
trap 'exit 0' TERM INT

# The shell is process 1: it hears a signal while it waits, not while it sleeps.
pause() {
    sleep "$1" &
    wait
}

save() {
    BAO_TOKEN=$(bao login -method=cert -no-store -token-only name=snapshot) || return
    export BAO_TOKEN
    name=$(date -u +%Y%m%dT%H%M%SZ).snap
    bao operator raft snapshot save /snapshots/part || return
    mv /snapshots/part "/snapshots/$name"
    echo "snapshot: $name"
}

while :; do
    if save; then
        # shellcheck disable=SC2012 # names of our own, which sort by time
        ls -r /snapshots | grep '\.snap$' | tail -n +$((SNAPSHOT_KEEP + 1)) | while read -r old; do rm "/snapshots/$old"; done
        # A list of targets for Prometheus, without any: it exports the age of such files.
        echo '[]' >/run/snapshot/part
        chmod 444 /run/snapshot/part
        mv /run/snapshot/part /run/snapshot/last.json
        pause "$SNAPSHOT_INTERVAL"
    else
        pause 10
    fi
done
