#!/bin/sh
# As the public image's: options are the server's, and the server does not run as root.
set -eu
case $1 in -* | *.conf) set -- redis-server "$@" ;; esac
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    chown -R redis /data
    exec setpriv --reuid=redis --regid=redis --clear-groups "$@"
fi
exec "$@"
