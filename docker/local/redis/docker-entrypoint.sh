#!/bin/sh
# Like the entrypoint of the public image: options are passed to redis-server, which does not run as root.
set -eu
case $1 in -* | *.conf) set -- redis-server "$@" ;; esac
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    chown -R redis /data
    exec setpriv --reuid=redis --regid=redis --clear-groups "$@"
fi
exec "$@"
