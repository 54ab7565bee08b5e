#!/bin/sh
# Sets the cluster up: secrets, policies, and how everybody logs in. What is there is brought up to date; a secret that
# is there is left alone.
set -eu
here=$(dirname "$0")
. "$here/secrets.sh"

enable() {
    bao auth list | grep -q "^$1/ " || bao auth enable "$1"
}

for file in "$here"/policies/*.hcl; do
    bao policy write "$(basename "$file" .hcl)" "$file"
done

# A service needs two things to log in: its role_id, which lies in a volume that the issuer does not have, and a
# secret_id, which the issuer makes, wrapped, and which is good for one login. What it gets is good for a minute.
enable approle
# Five logins that fail would lock the door for everybody who comes with that role.
bao auth tune -user-lockout-disable=true approle/
for role in postgres redis minio backend airflow mlflow; do
    bao write "auth/approle/role/$role" token_policies="$role-policy" token_ttl=1m token_max_ttl=1m \
        secret_id_num_uses=1 secret_id_ttl=65m
    bao read -field=role_id "auth/approle/role/$role/role-id" >"/run/role-ids/$role.part"
    chmod 444 "/run/role-ids/$role.part"
    mv "/run/role-ids/$role.part" "/run/role-ids/$role"
done

# The jobs come with a certificate, and log in for each thing that they do.
enable cert
for job in secret-id-issuer snapshot; do
    bao write "auth/cert/certs/$job" certificate=@/run/ca/ca.pem allowed_common_names="$job" token_policies="$job" \
        token_no_default_policy=true token_type=batch token_ttl=1m token_max_ttl=1m
done

enable userpass
