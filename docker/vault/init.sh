#!/bin/sh
# Creates the secrets, the policies and one AppRole for each service. Keeps what exists, so it can be run repeatedly. Uses the
# root token, which no service receives.
set -eu
here=$(dirname "$0")
PATH=$here/bin:$PATH

# role NAME: creates an AppRole for the service, with its policy and tokens that are valid for one minute. Writes the
# secret_id to a volume in memory that only this service mounts.
role() {
    vault policy write "$1-policy" "$here/policies/$1-policy.hcl" >/dev/null
    vault write "auth/approle/role/$1" token_policies="$1-policy" token_ttl=1m token_max_ttl=1m >/dev/null
    vault write "auth/approle/role/$1/role-id" role_id="$1" >/dev/null
    secret_id=/run/vault/$1/secret_id
    # For an unknown secret_id the server responds with no content, and the CLI exits with 0.
    if vault write -format=json "auth/approle/role/$1/secret-id/lookup" secret_id="@$secret_id" 2>/dev/null | grep -q accessor
    then
        echo "role $1: has its secret_id"
    else
        vault write -force -field=secret_id "auth/approle/role/$1/secret-id" >"$secret_id.new"
        mv "$secret_id.new" "$secret_id"
        echo "role $1: got a secret_id"
    fi
}

# shellcheck source=docker/vault/secrets.sh
. "$here/secrets.sh"

vault auth list | grep -q '^approle/ ' || vault auth enable approle
# role_ids are not secret, so any client could lock a service out for 15 minutes with five wrong secret_ids. A secret_id is
# too long to guess.
vault auth tune -user-lockout-disable=true approle/ >/dev/null
for name in postgres redis minio backend airflow mlflow; do
    role "$name"
done
