#!/bin/sh
# demo.sh VAULT_EXEC: runs the session shown in README.md with the binary VAULT_EXEC and a real server on the loopback
# interface. Stops the server and removes its files when it exits, also after a signal.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$(dirname "$1")" && pwd)
bao=$("$here/test-deps/server.sh")
dir=$(mktemp -d)
server=
clean_up() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Settings of the caller's own Vault must not affect the demo.
for name in $(env | sed -n 's/^\(\(VAULT\|BAO\)_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
export HOME="$dir"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export VAULT_ADDR="http://127.0.0.1:$port" VAULT_TOKEN=demo-root
"$bao" server -dev -dev-no-store-token -dev-root-token-id="$VAULT_TOKEN" -dev-listen-address="127.0.0.1:$port" \
    >"$dir/server.log" 2>&1 &
server=$!
tries=0
until "$bao" status >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ] || ! kill -0 "$server" 2>/dev/null; then
        echo "demo: the server did not start:" >&2
        cat "$dir/server.log" >&2
        exit 1
    fi
    sleep 0.1
done

{
    "$bao" kv put secret/airflow postgres_user=airflow postgres_password=demo-airflow-password postgres_db=airflow \
        fernet_key=ZGVtby1vbmx5LWZlcm5ldC1rZXktMzItYnl0ZXMhISE= webserver_secret_key=demo-webserver-key \
        minio_access_key=demo-airflow minio_secret_key=demo-airflow-secret
    "$bao" kv put secret/backend postgres_user=backend postgres_password=demo-backend-password postgres_db=app \
        minio_access_key=demo-backend minio_secret_key=demo-backend-secret jwt_algorithm=HS256
    for service in airflow backend; do
        "$bao" policy write "$service-policy" "$here/../docker/vault/policies/$service-policy.hcl"
        "$bao" token create -policy="$service-policy" -id="demo-$service"
    done
} >"$dir/setup.log" 2>&1 || { cat "$dir/setup.log" >&2; exit 1; }

# show COMMAND: prints the command with a prompt, runs it, and prints its exit code.
show() {
    echo "\$ $1"
    code=0
    PATH="$bin:$PATH" sh -c "$1" 2>&1 || code=$?
    echo "\$ echo \$?"
    echo "$code"
}

export VAULT_TOKEN=demo-airflow
show "vault-exec --path secret/airflow -- sh -c 'env | grep ^POSTGRES | sort; echo token: \${VAULT_TOKEN-gone}; exit 7'"
show "VAULT_TOKEN=demo-backend vault-exec --path secret/airflow -- true"
