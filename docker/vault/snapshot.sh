#!/bin/sh
# Saves a snapshot of the cluster every SNAPSHOT_INTERVAL, keeps the newest SNAPSHOT_KEEP, and reports the time of the last one
# to Prometheus. A snapshot is encrypted like the storage: it cannot be restored without the seal key.
set -eu
umask 077
here=$(dirname "$0")
PATH=$here/bin:$PATH
trap 'exit 0' TERM INT

# A shell runs its traps during `wait`, not while a foreground command such as `sleep` runs.
pause() {
    sleep "$1" &
    wait
}

save() {
    VAULT_TOKEN=$(vault login -method=cert -no-store -token-only name=snapshot) || return
    export VAULT_TOKEN
    name=$(date -u +%Y%m%dT%H%M%SZ).snap
    vault operator raft snapshot save /snapshots/part || return
    mv /snapshots/part "/snapshots/$name"
    echo "snapshot: $name"
}

while :; do
    if save; then
        # shellcheck disable=SC2010,SC2012 # names without special characters, which sort by time
        ls -r /snapshots | grep '\.snap$' | tail -n +$((SNAPSHOT_KEEP + 1)) | while read -r old; do rm "/snapshots/$old"; done
        # An empty list of targets: Prometheus exports the modification time of such a file.
        echo '[]' >/run/snapshot/part
        chmod 444 /run/snapshot/part
        mv /run/snapshot/part /run/snapshot/last.json
        pause "$SNAPSHOT_INTERVAL"
    else
        pause 10
    fi
done
