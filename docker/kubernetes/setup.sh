#!/bin/sh
# setup.sh [NAMESPACE]: allows the pods of backend.yaml, applied to NAMESPACE, to log in. Requires the operator's token in
# VAULT_TOKEN and the server's address in VAULT_ADDR.
set -eu
here=$(dirname "$0")
PATH=$here/../vault/bin:$PATH
namespace=${1:-default}

vault auth list | grep -q '^kubernetes/ ' || vault auth enable kubernetes
# In a cluster, the server reads the API's certificate authority and its own token from its service account.
vault write auth/kubernetes/config kubernetes_host="${KUBERNETES_API:-https://kubernetes.default.svc}"
vault policy write backend-policy "$here/../vault/policies/backend-policy.hcl"
# Only tokens of this service account and namespace, issued for the audience `vault`, can log in.
vault write auth/kubernetes/role/backend bound_service_account_names=backend \
    bound_service_account_namespaces="$namespace" audience=vault token_policies=backend-policy token_ttl=1m \
    token_max_ttl=1m
