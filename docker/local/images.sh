#!/bin/sh
# images.sh [NAME]...: builds the base images that the files in docker/ use, under their public names, for a machine without
# access to a registry: all of them, or those NAMEs of the table below. Keeps existing images, except images of this script
# whose files have changed. A label distinguishes them from the public images.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
DOCKER_CONFIG=$("$here/engine.sh")
export DOCKER_CONFIG DOCKER_BUILDKIT=1
label=vault-exec.local
authorities=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}

# NAME, image, and the NAME of its base image
table='
bookworm   debian:bookworm-slim                        -
trixie     debian:trixie-slim                          -
openbao    openbao/openbao:2.7.2                       bookworm
redis      redis:7                                     bookworm
postgres   postgres:15                                 bookworm
python     python:3.11-slim-bookworm                   bookworm
minio      minio/minio:RELEASE.2025-04-22T22-12-26Z    python
prometheus prom/prometheus:v2.42.0                     bookworm
rust       rust:1.95-alpine                            trixie
airflow    apache/airflow:3.3.2-python3.11             python
'

# row NAME: prints the line of the table.
row() {
    echo "$table" | grep "^$1 " || { echo "images: unknown image: $1" >&2 && exit 1; }
}

# version NAME: prints a hash of everything that the image is built from.
version() {
    {
        case $1 in
            bookworm | trixie) cat "$authorities" ;;
            rust) cat "$here/../../scripts/unwind.c" ;;
        esac
        if [ -d "$here/$1" ]; then
            cat "$here/$1"/*
            # shellcheck disable=SC2046 # splits the columns
            set -- $(row "$1")
            version "$3"
        fi
    } | sha256sum | cut -c 1-12
}

# debian SUITE IMAGE: builds a minimal Debian with mmdebstrap. Adds the certificate authorities that this machine trusts,
# because downloads in a `docker build` may pass the same TLS-intercepting proxy.
debian() {
    "$here/../../scripts/install.sh" mmdebstrap mmdebstrap
    root=$(mktemp)
    trap 'rm -f "$root"' EXIT
    # shellcheck disable=SC2016 # expanded by mmdebstrap
    mmdebstrap --quiet --variant=minbase --format=tar --dpkgopt=force-unsafe-io \
        --aptopt='Dir::Cache::pkgcache ""' --aptopt='Dir::Cache::srcpkgcache ""' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --customize-hook='echo "APT::Keep-Downloaded-Packages \"false\";" >"$1/etc/apt/apt.conf.d/no-archives"' \
        --customize-hook='mkdir -p "$1/usr/local/share/ca-certificates"' \
        --customize-hook="upload '$authorities' /usr/local/share/ca-certificates/machine.crt" "$1" "$root"
    docker import --change "LABEL $label=$(version "$1")" --change 'CMD ["bash"]' "$root" "$2"
}

# from_folder NAME IMAGE [TAR-ARGUMENT]...: builds the Dockerfile in the directory NAME, with more files in its context.
from_folder() {
    name=$1 image=$2
    shift 2
    tar -c -C "$here/$name" . "$@" | docker build --quiet --label "$label=$(version "$name")" --tag "$image" -
}

build_image() {
    case $1 in
        bookworm | trixie) debian "$1" "$2" ;;
        openbao) from_folder "$1" "$2" -C "$(dirname "$("$here/../../scripts/test-deps/openbao.sh")")" bao ;;
        rust) from_folder "$1" "$2" -C "$here/../../scripts" unwind.c ;;
        *) from_folder "$1" "$2" ;;
    esac
}

# need NAME: builds the image and its base if necessary. Of several callers at once, the first one builds.
need() (
    columns=$(row "$1")
    # shellcheck disable=SC2086 # splits the columns
    set -- $columns
    [ "$3" = - ] || need "$3"
    exec 9>"/run/lock/vault-exec-image-$1"
    flock 9
    existing=$(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$2" 2>/dev/null || echo none)
    case $existing in
        "" | "$(version "$1")") ;;
        *) echo "images: building $2" >&2 && build_image "$1" "$2" >&2 9>&- ;;
    esac
)

# shellcheck disable=SC2046 # a list of names
[ $# -gt 0 ] || set -- $(echo "$table" | cut -d ' ' -f 1)
for name in "$@"; do need "$name"; done
