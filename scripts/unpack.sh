#!/bin/sh
# unpack.sh x86_64|aarch64 [DIST]: verifies the archive in DIST (dist) against SHA256SUMS, unpacks it into the build
# directory, and prints the path of the binary.
set -eu
cd "$(dirname "$0")/.."
dist=$(cd "${2:-dist}" && pwd)
base=${CARGO_TARGET_DIR:-target}/unpacked
(cd "$dist" && sha256sum --quiet --check SHA256SUMS >&2)
mkdir -p "$base"
base=$(cd "$base" && pwd)
archive=$(echo "$dist"/vault-exec-*-"$1"-unknown-linux-musl.tar.gz)
name=$(basename "$archive" .tar.gz)
rm -rf "${base:?}/$name"
tar --extract --gzip --directory "$base" --file "$archive"
echo "$base/$name/vault-exec"
