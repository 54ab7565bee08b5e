#!/bin/sh
# wheels.sh FILE.txt: installs the Python packages that FILE.txt pins by hash into tests/.tools/FILE, and prints that
# directory. Installs them again after FILE.txt has changed.
set -eu
requirements=$1
name=$(basename "$requirements" .txt)
tools=$(cd "$(dirname "$0")/../.." && pwd)/tests/.tools
directory=$tools/$name
# Of several callers at once, the first one installs and the others wait.
mkdir -p "$tools"
exec 9>"$tools/$name.lock"
flock 9
if ! cmp --quiet "$requirements" "$directory/requirements.txt"; then
    rm -rf "$directory" "$directory.part"
    python3 -m pip install --quiet --no-deps --disable-pip-version-check --root-user-action=ignore \
        --only-binary=:all: --require-hashes --requirement "$requirements" --target "$directory.part" >&2
    cp "$requirements" "$directory.part/requirements.txt"
    mv "$directory.part" "$directory"
fi
echo "$directory"
