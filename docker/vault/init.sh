#!/bin/sh
# Makes what the services need in Vault: secrets, policies, and for each a login of its own. What is there is left alone, so
# run it as often as you like. It has root's token, which no service ever gets.
set -eu
here=$(dirname "$0")

# role NAME: the service may log in and read what its policy says, within a minute. Its secret_id lies in a volume in
# memory that no other service has.
role() {
    bao policy write "$1-policy" "$here/policies/$1-policy.hcl" >/dev/null
    bao write "auth/approle/role/$1" token_policies="$1-policy" token_ttl=1m token_max_ttl=1m >/dev/null
    bao write "auth/approle/role/$1/role-id" role_id="$1" >/dev/null
    secret_id=/run/vault/$1/secret_id
    # Of a secret_id that it does not know the server says nothing, and the client calls that a success.
    if bao write -format=json "auth/approle/role/$1/secret-id/lookup" secret_id="@$secret_id" 2>/dev/null | grep -q accessor
    then
        echo "role $1: has its secret_id"
    else
        bao write -force -field=secret_id "auth/approle/role/$1/secret-id" >"$secret_id.new"
        mv "$secret_id.new" "$secret_id"
        echo "role $1: got a secret_id"
    fi
}

# shellcheck source=docker/vault/secrets.sh
. "$here/secrets.sh"

bao auth list | grep -q '^approle/ ' || bao auth enable approle
# Five wrong secret_ids would shut a service out for a quarter of an hour, which anybody could send: role_ids are no secret.
# Nobody guesses a secret_id.
bao auth tune -user-lockout-disable=true approle/ >/dev/null
for name in postgres redis minio backend airflow mlflow; do
    role "$name"
done
