#!/bin/sh
# cargo-tool.sh NAME VERSION: builds a tool of cargo's once, into tests/.tools, which git ignores, and prints where it is.
set -eu
root=$(cd "$(dirname "$0")" && pwd)/.tools/cargo
binary=$root/bin/$1
# Several checks may ask at once: the first one builds, the others wait.
mkdir -p "$root"
exec 9>"$root/lock"
flock 9
if ! "$binary" --version 2>/dev/null | grep -qF "$2"; then
    # From the outside, where our own settings for the compiler do not hold.
    (cd / && cargo install "$1" --version "$2" --locked --quiet --root "$root" >&2)
fi
echo "$binary"
