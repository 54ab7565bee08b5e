#!/bin/sh
# Checks the manifests of docker/kubernetes against the schema of Kubernetes' API, with a tool that is fetched, pinned by
# hash, into tests/.tools, which git ignores. No cluster has a part in it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tools=$here/.tools
library=$tools/kubernetes
# Several may ask at once: the first one fetches, the others wait.
mkdir -p "$tools"
exec 9>"$tools/kubernetes.lock"
flock 9
if ! [ -d "$library" ]; then
    rm -rf "$library.part"
    python3 -m pip install --quiet --no-deps --disable-pip-version-check --root-user-action=ignore \
        --only-binary=:all: --require-hashes --requirement "$here/kubernetes.txt" --target "$library.part" >&2
    mv "$library.part" "$library"
fi
# The oldest release that is still in wide use, and the newest that the tool knows.
for version in 1.30 1.37; do
    PYTHONPATH=$library "$library/bin/kubernetes-validate" --strict --quiet --kubernetes-version "$version" \
        "$here"/../docker/kubernetes/*.yaml
done
