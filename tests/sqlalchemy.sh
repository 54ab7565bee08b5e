#!/bin/sh
# Fetches SQLAlchemy, pinned by hash, into tests/.tools, which git ignores, and prints the directory to import it from.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tools=$here/.tools
library=$tools/sqlalchemy
# Several tests may ask at once: the first one fetches, the others wait.
mkdir -p "$tools"
exec 9>"$tools/sqlalchemy.lock"
flock 9
if ! [ -d "$library" ]; then
    rm -rf "$tools/sqlalchemy.part"
    python3 -m pip install --quiet --no-deps --disable-pip-version-check --root-user-action=ignore \
        --only-binary=:all: --require-hashes --requirement "$here/sqlalchemy.txt" --target "$tools/sqlalchemy.part" >&2
    mv "$tools/sqlalchemy.part" "$library"
fi
echo "$library"
