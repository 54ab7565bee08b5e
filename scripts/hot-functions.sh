#!/bin/sh
# hot-functions.sh: writes scripts/hot-functions.ld, the list of the functions that a start executes. The linker puts them
# side by side, so that a start reads a third of the pages of text it would read otherwise. Runs starts over HTTP, over TLS
# and with a login under valgrind, against a real server. An outdated list only makes a start slower.
set -eu
cd "$(dirname "$0")/.."
scripts/install.sh valgrind valgrind
bao=$(scripts/test-deps/server.sh)
built=$(CARGO_PROFILE_RELEASE_STRIP=none scripts/musl.sh x86_64)
. scripts/dev-server.sh

http=$(free_port)
https=$(free_port)
echo "listener \"tcp\" { address = \"127.0.0.1:$http\" tls_disable = true }" >"$dir/listener.hcl"
export VAULT_ADDR="http://127.0.0.1:$http" VAULT_TOKEN=root
start_server -dev-tls -dev-tls-cert-dir="$dir" -config="$dir/listener.hcl" -dev-listen-address="127.0.0.1:$https"
{
    "$bao" kv put secret/app password=demo
    "$bao" auth enable approle
    "$bao" write auth/approle/role/app token_policies=root
} >/dev/null
role_id=$("$bao" read -field=role_id auth/approle/role/app/role-id)
secret_id=$("$bao" write -f -field=secret_id auth/approle/role/app/secret-id)

# A program that the kernel refuses: the process ends itself, so that valgrind writes what it saw.
echo refused >"$dir/program"
chmod +x "$dir/program"
start() {
    output=$1
    shift
    env "$@" valgrind --quiet --tool=callgrind --demangle=no --callgrind-out-file="$dir/$output" "$built/vault-exec" \
        --path secret/app -- "$dir/program" 2>"$dir/log" || true
    [ -s "$dir/$output" ] || { cat "$dir/log" >&2; exit 1; }
}
login="VAULT_TOKEN= VAULT_ROLE_ID=$role_id VAULT_SECRET_ID=$secret_id"
start 1 VAULT_TOKEN=root
# shellcheck disable=SC2086 # a list of variables
start 2 $login
# shellcheck disable=SC2086 # a list of variables
start 3 $login VAULT_ADDR="https://localhost:$https" VAULT_CACERT="$dir/vault-ca.pem"

# Names are cut, and the hashes in them left out: those change with the compiler and the target.
{
    echo '/* Written by scripts/hot-functions.sh. */'
    echo '.text : {'
    sed -n "s/^c\{0,1\}fn=([0-9]*) \(_R[^' ]*\).*/\1/p" "$dir/1" "$dir/2" "$dir/3" | sed 's/Cs[0-9A-Za-z]*_/Cs*_/g' |
        cut -c 1-40 | awk '!seen[$0]++ { print "*(.text." $0 "*)" }'
    echo '}'
} >"$dir/list"
mv "$dir/list" scripts/hot-functions.ld
