#!/bin/sh
# Creates what the cluster needs to start: a certificate authority, a certificate for each node and for each job that logs
# in with one, and the seal key. Keeps what exists, but renews certificates after half of their lifetime. Needs no network
# and no tool except the server, whose PKI engine it runs in memory.
set -eu
umask 077

here=$(dirname "$0")
PATH=$here/bin:$PATH
nodes='vault-1 vault-2 vault-3'
jobs='secret-id-issuer snapshot'
# uid:gid of the user of the server's image, OpenBao's or HashiCorp's, and of nobody.
server=100:1000
nobody=65534:65534

owner() {
    case $1 in
        secret-id-issuer) echo "$nobody" ;;
        *) echo "$server" ;;
    esac
}

is_fresh() {
    [ -n "$(find "$1" -mtime -180 2>/dev/null)" ]
}

# put FILE MODE OWNER: writes standard input to FILE, atomically. The owner is changed last, because root has no capability
# here to modify the files of other users.
put() {
    cat >"$1.part"
    [ -s "$1.part" ]
    chmod "$2" "$1.part"
    chown "$3" "$1.part"
    mv "$1.part" "$1"
}

start_engine() {
    [ -z "${VAULT_ADDR-}" ] || return 0
    export VAULT_ADDR=http://127.0.0.1:8200 VAULT_TOKEN=pki
    vault server -dev -dev-no-store-token -dev-root-token-id="$VAULT_TOKEN" >/dev/null 2>&1 &
    until vault status >/dev/null 2>&1; do sleep 0.1; done
    vault secrets enable -max-lease-ttl=87600h pki
    if [ -e /pki/authority/ca.pem ]; then
        vault write pki/config/ca pem_bundle=@/pki/authority/ca.pem
    else
        vault write -field=certificate pki/root/generate/exported common_name='vault-exec demo authority' \
            key_type=ec ttl=87600h format=pem_bundle 2>/dev/null | put /pki/authority/ca.pem 400 0:0
    fi
    vault write pki/roles/node key_type=ec allow_any_name=true client_flag=false max_ttl=8760h
    vault write pki/roles/job key_type=ec allow_any_name=true server_flag=false enforce_hostnames=false max_ttl=8760h
} >/dev/null

# issue ROLE FILE NAME [FIELD=VALUE]...: writes a key and its certificate to one file.
issue() {
    start_engine
    role=$1 file=$2 name=$3
    shift 3
    vault write -field=certificate "pki/issue/$role" common_name="$name" ttl=8760h format=pem_bundle "$@" \
        | put "$file" 400 "$(owner "$name")"
    echo "pki: a certificate for $name"
}

# A new volume belongs to root. The path of its mount point, /pki/for/USER/VOLUME, names the user to give it to.
for volume in /pki/for/*/*; do
    user=${volume%/*}
    chown "${user##*/}" "$volume"
done

if ! [ -e /pki/seal/1.key ]; then
    head -c 32 /dev/urandom | put /pki/seal/1.key 400 "$server"
    echo 'pki: a key for the seal'
fi
for node in $nodes; do
    for own in raft audit; do
        [ -d "/pki/nodes/$node/$own" ] || mkdir "/pki/nodes/$node/$own"
        chown "$server" "/pki/nodes/$node/$own"
    done
    [ -d "/pki/nodes/$node/tls" ] || mkdir -m 755 "/pki/nodes/$node/tls"
    file=/pki/nodes/$node/tls/server.pem
    is_fresh "$file" || issue node "$file" "$node" alt_names=vault,localhost ip_sans=127.0.0.1
done
for job in $jobs; do
    file=/pki/identity/$job/client.pem
    is_fresh "$file" || issue job "$file" "$job"
done
if ! [ -e /pki/trust/ca.pem ]; then
    start_engine
    vault read -field=certificate pki/cert/ca | put /pki/trust/ca.pem 444 0:0
fi
