#!/bin/sh
# Builds the tracked files twice, each time in another directory and with another cargo home, and compares the binaries.
set -eu
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
registry=${CARGO_HOME:-$HOME/.cargo}/registry
mkdir -p "$registry"
target=$(scripts/target.sh)
# build NAME: prints the path of the binary that was built in the directory NAME.
build() {
    home=$dir/$1/.cargo
    mkdir -p "$home" "$dir/$1/src"
    # Saves downloading the dependencies again; their path still differs between the two builds.
    ln -s "$registry" "$home/registry"
    git ls-files -z | tar --create --null --files-from - | tar --extract --directory "$dir/$1/src"
    (cd "$dir/$1/src" && CARGO_HOME=$home CARGO_TARGET_DIR=target make release) >&2
    echo "$dir/$1/src/target/$target/release/vault-exec"
}
first=$(build one)
second=$(build homes/of/another)
sha256sum "$first" "$second"
cmp "$first" "$second"
for path in "$dir" "$registry" "$HOME/" "$PWD/"; do
    if grep --quiet --fixed-strings "$path" "$first"; then
        echo "reproducible: the binary contains $path" >&2
        exit 1
    fi
done
echo "the binaries are equal and contain no path of this machine"
