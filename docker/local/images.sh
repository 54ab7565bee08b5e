#!/bin/sh
# Makes the images that the files in docker/ name, under their public names, for a machine that reaches no registry: all of
# them, or those NAMEs of the table below. An image that is there is left alone, unless it is one of these and its files
# have changed since. The label tells them from the public ones.
# Usage: images.sh [NAME...]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
DOCKER_CONFIG=$("$here/engine.sh")
export DOCKER_CONFIG DOCKER_BUILDKIT=1
label=vault-exec.local
authorities=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}

# NAME, image, and what its Dockerfile starts from
table='
bookworm   debian:bookworm-slim                        -
trixie     debian:trixie-slim                          -
openbao    openbao/openbao:2.7.2                       bookworm
redis      redis:7                                     bookworm
postgres   postgres:15                                 bookworm
python     python:3.11-slim-bookworm                   bookworm
minio      minio/minio:RELEASE.2025-04-22T22-12-26Z    python
prometheus prom/prometheus:v2.42.0                     bookworm
rust       rust:1.95-slim-bookworm                     bookworm
airflow    apache/airflow:3.3.2-python3.11             python
'

# The columns of a NAME.
row() {
    echo "$table" | grep "^$1 " || { echo "images: no image is called $1" >&2 && exit 1; }
}

# What changes when an image has to be made again: its files, or what it is made from.
version() {
    {
        case $1 in
            bookworm | trixie) cat "$authorities" ;;
            rust) rustc -vV ;;
        esac
        if [ -d "$here/$1" ]; then
            cat "$here/$1"/*
            # shellcheck disable=SC2046 # the columns
            set -- $(row "$1")
            version "$3"
        fi
    } | sha256sum | cut -c 1-12
}

# Debian's own tool makes a small system; the authorities that this machine trusts are added to it, because whatever is
# fetched in a `docker build` comes the same way.
debian() {
    if ! command -v mmdebstrap >/dev/null; then
        apt-get -qq -o DPkg::Lock::Timeout=600 update
        DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=600 install --yes \
            --no-install-recommends mmdebstrap
    fi
    root=$(mktemp)
    trap 'rm -f "$root"' EXIT
    # shellcheck disable=SC2016 # mmdebstrap fills in $1
    mmdebstrap --quiet --variant=minbase --format=tar --dpkgopt=force-unsafe-io \
        --aptopt='Dir::Cache::pkgcache ""' --aptopt='Dir::Cache::srcpkgcache ""' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --customize-hook='echo "APT::Keep-Downloaded-Packages \"false\";" >"$1/etc/apt/apt.conf.d/no-archives"' \
        --customize-hook='mkdir -p "$1/usr/local/share/ca-certificates"' \
        --customize-hook="upload '$authorities' /usr/local/share/ca-certificates/machine.crt" "$1" "$root"
    docker import --change "LABEL $label=$(version "$1")" --change 'CMD ["bash"]' "$root" "$2"
}

# The folder of the same name is the build's context, with more beside it that is named as tar takes it.
from_folder() {
    name=$1 image=$2
    shift 2
    tar -c -C "$here/$name" . "$@" | docker build --quiet --label "$label=$(version "$name")" --tag "$image" -
}

make_image() {
    case $1 in
        bookworm | trixie) debian "$1" "$2" ;;
        openbao) from_folder "$1" "$2" -C "$(dirname "$("$here/../../scripts/test-deps/openbao.sh")")" bao ;;
        rust) from_folder "$1" "$2" -C "$(rustc --print sysroot)" bin/cargo bin/rustc lib ;;
        *) from_folder "$1" "$2" ;;
    esac
}

# Two may want the same image at once: the first one makes it, the other waits.
need() (
    columns=$(row "$1")
    # shellcheck disable=SC2086 # as they are
    set -- $columns
    [ "$3" = - ] || need "$3"
    exec 9>"/run/lock/vault-exec-image-$1"
    flock 9
    there=$(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$2" 2>/dev/null || echo none)
    case $there in
        "" | "$(version "$1")") ;;
        *) echo "images: making $2" >&2 && make_image "$1" "$2" >&2 9>&- ;;
    esac
)

# shellcheck disable=SC2046 # the names
[ $# -gt 0 ] || set -- $(echo "$table" | cut -d ' ' -f 1)
for name in "$@"; do need "$name"; done
