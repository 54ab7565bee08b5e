#!/bin/sh
# image.sh OPTION...: builds the image of docker/Dockerfile with the binaries in dist/, for example with
#   image.sh --platform linux/amd64,linux/arm64 --tag vault-exec:0.1.0
# Nothing runs in the build, so it needs no emulator.
set -eu
cd "$(dirname "$0")/.."
binaries=${CARGO_TARGET_DIR:-target}/image
for pair in x86_64:amd64 aarch64:arm64; do
    binary=$(scripts/unpack.sh "${pair%:*}")
    install -D --mode=0755 "$binary" "$binaries/${pair#*:}/vault-exec"
done
docker build --file docker/Dockerfile --build-context "build=$binaries" "$@" .
