# shellcheck shell=sh
# Sourced by scripts that need a real server, with its path in $bao: makes a directory, $dir, and defines start_server. The
# server ends, and the directory goes, when the script exits, also after a signal.
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

# Settings of the caller's own Vault must not affect the server or what is run against it.
for name in $(env | sed -n 's/^\(\(VAULT\|BAO\)_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
export HOME="$dir"

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# start_server OPTION...: starts a server in dev mode whose root token is VAULT_TOKEN, and waits until it answers at
# VAULT_ADDR.
start_server() {
    "$bao" server -dev-no-store-token -dev-root-token-id="$VAULT_TOKEN" "$@" >"$dir/server.log" 2>&1 &
    server=$!
    tries=0
    until "$bao" status >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -gt 100 ] || ! kill -0 "$server" 2>/dev/null; then
            echo "$(basename "$0" .sh): the server did not start:" >&2
            cat "$dir/server.log" >&2
            exit 1
        fi
        sleep 0.1
    done
}
