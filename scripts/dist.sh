#!/bin/sh
# dist.sh [DIR]: makes the files of a release in DIR (dist): an archive and a bill of materials for each architecture, the
# versions they were built with, and SHA256SUMS. The same commit and toolchain give the same files.
set -eu
cd "$(dirname "$0")/.."
dist=${1:-dist}
rm -rf "$dist"
mkdir -p "$dist"
dist=$(cd "$dist" && pwd)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
staging=$(mktemp -d)
trap 'rm -rf "$staging"' EXIT
trap 'exit 1' HUP INT TERM

for arch in x86_64 aarch64; do
    target=$arch-unknown-linux-musl
    name=vault-exec-$version-$target
    built=$(scripts/musl.sh "$arch")
    scripts/sbom.py "$target" "$built/toolchain.txt" "$built/licenses" "$built/vault-exec" "$staging/$name"
    mkdir "$staging/$name"
    cp "$built/vault-exec" man/vault-exec.1 LICENSE-APACHE LICENSE-MIT CHANGELOG.md README.md "$staging/$name"
    cp -R completions "$staging/$name"
    mv "$staging/$name.licenses.txt" "$staging/$name/LICENSES-THIRD-PARTY.txt"
    chmod -R u=rwX,go=rX "$staging/$name"
    # The format and the order are fixed, and gzip writes neither a name nor a time.
    tar --create --directory "$staging" --format=ustar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 \
        --numeric-owner "$name" | gzip -9 --no-name >"$dist/$name.tar.gz"
    mv "$staging/$name.cdx.json" "$dist/$name.cdx.json"
    cp "$built/toolchain.txt" "$dist/$name.toolchain.txt"
done
(cd "$dist" && sha256sum ./* | sed 's# \./# #' >"$staging/SHA256SUMS" && mv "$staging/SHA256SUMS" .)
cat "$dist/SHA256SUMS"
