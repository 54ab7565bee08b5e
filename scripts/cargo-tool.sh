#!/bin/sh
# cargo-tool.sh NAME VERSION: builds the cargo subcommand NAME into tests/.tools/cargo unless that version is there, and
# prints the path of its binary.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)/tests/.tools/cargo
binary=$root/bin/$1
# Of several callers at once, the first one builds and the others wait.
mkdir -p "$root"
exec 9>"$root/lock"
flock 9
if ! "$binary" --version 2>/dev/null | grep -qF "$2"; then
    # Outside the repository, so that .cargo/config.toml does not apply.
    (cd / && cargo install "$1" --version "$2" --locked --quiet --root "$root" >&2)
fi
echo "$binary"
