#!/bin/sh
# Builds what is tracked here twice, as two users would, each in a folder and with a home of their own, and compares.
set -eu
cd "$(dirname "$0")/.."
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 1' HUP INT TERM
registry=${CARGO_HOME:-$HOME/.cargo}/registry
mkdir -p "$registry"
host=$(rustc -vV | sed -n 's/^host: //p')
built() {
    home=$place/$1/.cargo
    mkdir -p "$home" "$place/$1/src"
    # What was downloaded need not be again; its path is another one all the same.
    ln -s "$registry" "$home/registry"
    git ls-files -z | tar --create --null --files-from - | tar --extract --directory "$place/$1/src"
    (cd "$place/$1/src" && CARGO_HOME=$home CARGO_TARGET_DIR=target make release) >&2
    echo "$place/$1/src/target/$host/release/vault-exec"
}
one=$(built one)
other=$(built homes/of/another)
sha256sum "$one" "$other"
cmp "$one" "$other"
for path in "$place" "$registry" "$HOME/" "$PWD/"; do
    if grep --quiet --fixed-strings "$path" "$one"; then
        echo "the binary holds $path" >&2
        exit 1
    fi
done
echo "the same binary, and no path of this machine in it"
