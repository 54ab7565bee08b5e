#!/bin/sh
# Initialises the cluster and configures it with the root token, which is revoked afterwards. Writes the recovery keys and
# the operator's first password to a volume in memory. If the operator's token is given in VAULT_TOKEN, only updates the
# configuration.
set -eu
umask 077
here=$(dirname "$0")
PATH=$here/bin:$PATH
init=/run/handover/init
handover=/run/handover/handover

if [ -n "${VAULT_TOKEN-}" ]; then
    exec sh "$here/configure.sh"
fi

# A node that lost its volume looks uninitialised. To avoid creating a second cluster, all three nodes must answer that they
# are uninitialised.
is_new() {
    until [ "${new-}" = 3 ]; do
        new=0
        for node in vault-1 vault-2 vault-3; do
            code=0
            VAULT_ADDR=https://$node:8200 vault operator init -status >/dev/null 2>&1 || code=$?
            case $code in
                0) return 1 ;;
                2) new=$((new + 1)) ;;
                *) sleep 1 ;;
            esac
        done
    done
}

if ! [ -e "$init" ]; then
    is_new || { echo 'there is a cluster'; exit 0; }
    # Written directly to the file, so that the keys survive if a later step fails.
    VAULT_ADDR=https://vault-1:8200 vault operator init -recovery-shares=3 -recovery-threshold=2 >"$init"
fi
VAULT_TOKEN=$(sed -n 's/^Initial Root Token: //p' "$init")
export VAULT_TOKEN
if ! [ -e "$handover" ]; then
    for node in vault-1 vault-2 vault-3; do
        until VAULT_ADDR=https://$node:8200 vault status >/dev/null 2>&1; do sleep 1; done
    done
    sh "$here/configure.sh"
    password=$(vault write -field=random_bytes sys/tools/random/24 format=base64)
    printf '{"password":"%s","token_policies":"operator","token_ttl":"1h"}' "$password" \
        | vault write auth/userpass/users/operator - >/dev/null
    { grep '^Recovery Key' "$init"; echo "User: operator"; echo "Password: $password"; } >"$handover.part"
    mv "$handover.part" "$handover"
fi
vault token revoke -self >/dev/null || ! vault token lookup >/dev/null 2>&1
rm "$init"
echo "root's token is revoked, recovery keys and the operator's password wait to be collected"
