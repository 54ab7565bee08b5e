#!/bin/sh
# demo.sh VAULT_EXEC: runs the session shown in README.md with the binary VAULT_EXEC and a real server on the loopback
# interface. Stops the server and removes its files when it exits, also after a signal.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$(dirname "$1")" && pwd)
bao=$("$here/test-deps/server.sh")
. "$here/dev-server.sh"

port=$(free_port)
export VAULT_ADDR="http://127.0.0.1:$port" VAULT_TOKEN=demo-root
start_server -dev -dev-listen-address="127.0.0.1:$port"

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
