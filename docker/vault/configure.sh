#!/bin/sh
# Configures the cluster: secrets, policies and auth methods. Updates existing policies and roles; keeps existing secrets.
set -eu
here=$(dirname "$0")
PATH=$here/bin:$PATH
. "$here/secrets.sh"

enable() {
    vault auth list | grep -q "^$1/ " || vault auth enable "$1"
}

for file in "$here"/policies/*.hcl; do
    vault policy write "$(basename "$file" .hcl)" "$file"
done

# A service logs in with its role_id, which is in a volume that the issuer does not mount, and a wrapped secret_id from the
# issuer, valid for one login. The login token is valid for one minute.
enable approle
# After five failed logins the server would lock out every client of the role.
vault auth tune -user-lockout-disable=true approle/
for role in postgres redis minio backend airflow mlflow; do
    vault write "auth/approle/role/$role" token_policies="$role-policy" token_ttl=1m token_max_ttl=1m \
        secret_id_num_uses=1 secret_id_ttl=65m
    vault read -field=role_id "auth/approle/role/$role/role-id" >"/run/role-ids/$role.part"
    chmod 444 "/run/role-ids/$role.part"
    mv "/run/role-ids/$role.part" "/run/role-ids/$role"
done

# Jobs log in with a certificate, once for each action.
enable cert
for job in secret-id-issuer snapshot; do
    vault write "auth/cert/certs/$job" certificate=@/run/ca/ca.pem allowed_common_names="$job" token_policies="$job" \
        token_no_default_policy=true token_type=batch token_ttl=1m token_max_ttl=1m
done

enable userpass
