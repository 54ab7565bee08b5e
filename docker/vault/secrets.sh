# shellcheck shell=sh
# Creates the secrets of all services; sourced by init.sh and configure.sh. Keeps existing secrets, which may have been
# rotated.

# random BYTES [FORMAT]: prints random bytes from the server.
random() {
    vault write -field=random_bytes "sys/tools/random/$1" format="${2:-base64}"
}

get() {
    vault kv get -mount=secret -field="$2" "$1"
}

# put NAME [KEY VALUE]...: creates a secret if it never existed, which check-and-set enforces on the server too. Passes the
# values on standard input, because other users can read arguments. The values must not need JSON quoting.
put() {
    name=$1
    shift
    if vault kv metadata get -mount=secret "$name" >/dev/null 2>&1; then
        echo "secret/$name: exists"
        return
    fi
    pairs=
    while [ $# -gt 0 ]; do
        # "set -e" does not apply to the command substitutions that the values come from.
        [ -n "$2" ] || { echo "secret/$name: no value for $1" >&2; exit 1; }
        pairs="$pairs,\"$1\":\"$2\""
        shift 2
    done
    printf '{%s}' "${pairs#,}" | vault kv put -mount=secret -cas=0 "$name" - >/dev/null
    echo "secret/$name: made"
}

# A server in dev mode has this mount already.
vault secrets list | grep -q '^secret/ ' || vault secrets enable -path=secret -version=2 kv

# The secrets of the databases first, because their clients use the same passwords.
put postgres \
    postgres_password "$(random 24)" \
    airflow_password "$(random 24)" \
    backend_password "$(random 24)" \
    mlflow_password "$(random 24)"
put redis \
    redis_password "$(random 24)"
put minio \
    minio_root_user "$(random 12 hex)" \
    minio_root_password "$(random 24)"
put backend \
    postgres_user backend \
    postgres_password "$(get postgres backend_password)" \
    postgres_db backend \
    minio_access_key "$(get minio minio_root_user)" \
    minio_secret_key "$(get minio minio_root_password)" \
    jwt_algorithm HS256 \
    jwt_secret_key "$(random 64)"
# A Fernet key is 32 bytes in URL-safe Base64.
put airflow \
    postgres_user airflow \
    postgres_password "$(get postgres airflow_password)" \
    postgres_db airflow \
    redis_password "$(get redis redis_password)" \
    minio_access_key "$(get minio minio_root_user)" \
    minio_secret_key "$(get minio minio_root_password)" \
    fernet_key "$(random 32 | tr +/ -_)" \
    webserver_secret_key "$(random 32)" \
    jwt_secret "$(random 64)" \
    admin_user admin \
    admin_password "$(random 24)"
put mlflow \
    postgres_user mlflow \
    postgres_password "$(get postgres mlflow_password)" \
    postgres_db mlflow \
    minio_access_key "$(get minio minio_root_user)" \
    minio_secret_key "$(get minio minio_root_password)"
