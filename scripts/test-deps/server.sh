#!/bin/sh
# Prints the path of the server's binary for the tests and the demo: VAULT_EXEC_TEST_SERVER, or else OpenBao, installed if it
# is missing.
# server.sh unsupported: prints a word that the names of the tests contain which this server cannot run, or nothing.
set -eu
server=${VAULT_EXEC_TEST_SERVER:-$("$(dirname "$0")/openbao.sh")}
case ${1-} in
    "") echo "$server" ;;
    # Only the enterprise editions of HashiCorp Vault have namespaces.
    unsupported)
        case $("$server" version) in
            OpenBao* | *+ent*) ;;
            *) echo namespace ;;
        esac
        ;;
esac
