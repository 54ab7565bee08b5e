#!/bin/sh
# image.sh OPTION...: builds the image of docker/Dockerfile with the binaries in dist/, for example with
#   image.sh --platform linux/amd64,linux/arm64 --tag vault-exec:0.1.0
# Nothing runs in the build, so it needs no emulator. Several platforms at once need an engine or a builder that can hold them.
set -eu
cd "$(dirname "$0")/.."
binaries=${CARGO_TARGET_DIR:-target}/image
for pair in x86_64:amd64 aarch64:arm64; do
    binary=$(scripts/unpack.sh "${pair%:*}")
    install -D --mode=0755 "$binary" "$binaries/${pair#*:}/vault-exec"
done
# The stage of the image, with the binaries in place of the stage that builds them.
sed -n '/^FROM scratch AS vault-exec/,/^$/ { s/--from=build //; p }' docker/Dockerfile | docker build --file - "$@" "$binaries"
