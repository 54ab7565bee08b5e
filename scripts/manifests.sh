#!/bin/sh
# Validates the manifests in docker/kubernetes against the schemas of the Kubernetes API. Needs no cluster.
set -eu
here=$(dirname "$0")
packages=$("$here/test-deps/wheels.sh" "$here/test-deps/kubernetes.txt")
# The oldest release that is still widely used, and the newest one that the validator knows.
for version in 1.30 1.37; do
    PYTHONPATH=$packages "$packages/bin/kubernetes-validate" --strict --quiet --kubernetes-version "$version" \
        "$here"/../docker/kubernetes/*.yaml
done
