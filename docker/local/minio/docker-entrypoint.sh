#!/bin/sh
# As the public image's: what is no program is a command of minio.
set -eu
command -v "$1" >/dev/null || set -- minio "$@"
exec "$@"
