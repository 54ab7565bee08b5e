#!/bin/sh
# Lets the pods of backend.yaml in: run it with the operator's token (BAO_TOKEN) and the address of the server (BAO_ADDR).
# Usage: setup.sh [NAMESPACE], the one that backend.yaml is applied to.
set -eu
here=$(dirname "$0")
namespace=${1:-default}

bao auth list | grep -q '^kubernetes/ ' || bao auth enable kubernetes
# In the cluster, the server knows the API, its authority and its own token by itself.
bao write auth/kubernetes/config kubernetes_host="${KUBERNETES_API:-https://kubernetes.default.svc}"
bao policy write backend-policy "$here/../vault/policies/backend-policy.hcl"
# This service account, this namespace, and a token that was made for Vault: a stolen one of another kind is worth nothing.
bao write auth/kubernetes/role/backend bound_service_account_names=backend \
    bound_service_account_namespaces="$namespace" audience=vault token_policies=backend-policy token_ttl=1m \
    token_max_ttl=1m
