#!/bin/sh
# Proves what it can about the files in dist/ and writes the result to dist/CHECKED: the x86_64 binary passes all tests, the
# aarch64 binary those that an emulator can run, and a second build gives the same files.
# release-check.sh verify: fails unless dist/CHECKED is about the files that are there now.
set -eu
cd "$(dirname "$0")/.."
if [ "${1-}" = verify ]; then
    cd dist
    if ! sed -n 's/^sha256 //p' CHECKED | sha256sum --check --quiet --strict; then
        echo "release-check: the files in dist/ are not the ones that were tested; run make dist release-check" >&2
        exit 1
    fi
    exit
fi
record=$(mktemp)
again=$(mktemp -d)
trap 'rm -rf "$record" "$again"' EXIT
trap 'exit 1' HUP INT TERM
rm -f dist/CHECKED
proved() { echo "$1" | tee -a "$record"; }

x86_64=$(scripts/unpack.sh x86_64)
aarch64=$(scripts/unpack.sh aarch64)
sed 's/^/sha256 /' dist/SHA256SUMS >>"$record"

make test "BINARY=$x86_64"
proved "x86_64: make test: all tests, the search of memory at execve included"

scripts/test-emulated.sh "$aarch64"
proved "aarch64: scripts/test-emulated.sh: the integration tests that an emulator can run, under $(qemu-aarch64-static --version | head -n 1)"

CARGO_TARGET_DIR=$again/target scripts/dist.sh "$again/dist" >/dev/null
cmp dist/SHA256SUMS "$again/dist/SHA256SUMS"
proved "both: a second build, in another directory and with a new toolchain directory, gives the same files"

mv "$record" dist/CHECKED
chmod 0644 dist/CHECKED
scripts/release-check.sh verify
