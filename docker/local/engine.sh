#!/bin/sh
# Makes sure that Docker runs, with compose and buildx, and prints the value for DOCKER_CONFIG. Installs what is missing from
# Debian, which requires root. An engine that this script starts keeps running.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
config=$here/../../tests/.tools/docker

# Of several callers at once, the first one installs and the others wait. Processes that keep running must not inherit the
# lock, so they are started with 9>&-.
exec 9>/run/lock/vault-exec-docker
flock 9

apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=600 "$@" >&2 9>&-
}

has_plugins() {
    docker compose version && docker buildx version
}

# Installs compose and buildx from Debian trixie, which also run on bookworm. Uses its own package lists and the mirror that
# the system is configured with.
fetch_plugins() {
    apt update
    # shellcheck disable=SC2016 # expanded by apt
    site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
    rm -rf "$config.part"
    mkdir -p "$config.part/lists/partial" "$config.part/cli-plugins"
    cd "$config.part"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site trixie main" >sources.list
    set -- -o Dir::Etc::SourceList="$PWD/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$PWD/lists" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root
    apt "$@" update
    apt "$@" download docker-compose docker-buildx
    for package in ./*.deb; do dpkg-deb -x "$package" unpacked; done
    mv unpacked/usr/libexec/docker/cli-plugins/* cli-plugins/
    rm -rf lists sources.list unpacked ./*.deb
    cd "$here"
    mkdir -p "$(dirname "$config")"
    rm -rf "$config"
    mv "$config.part" "$config"
}

start_engine() {
    if ! command -v dockerd >/dev/null; then
        apt update
        apt install --yes --no-install-recommends docker.io
    fi
    # The package may have started a service: wait two seconds for it before starting the engine.
    tries=0
    until docker info >/dev/null 2>&1; do
        if [ "$tries" -eq 20 ]; then
            setsid dockerd >/var/log/vault-exec-dockerd.log 2>&1 </dev/null 9>&- &
        elif [ "$tries" -gt 320 ]; then
            echo "engine: dockerd did not start:" >&2
            tail -n 20 /var/log/vault-exec-dockerd.log >&2
            exit 1
        fi
        tries=$((tries + 1))
        sleep 0.1
    done
}

docker info >/dev/null 2>&1 || start_engine
if has_plugins >/dev/null 2>&1; then
    config=${DOCKER_CONFIG:-$HOME/.docker}
else
    export DOCKER_CONFIG="$config"
    has_plugins >/dev/null 2>&1 || fetch_plugins
    has_plugins >/dev/null
fi
mkdir -p "$config"
cd "$config"
pwd
