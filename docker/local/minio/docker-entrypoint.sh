#!/bin/sh
# Like the entrypoint of the public image: if the first argument is not a program, runs it as a command of minio.
set -eu
command -v "$1" >/dev/null || set -- minio "$@"
exec "$@"
