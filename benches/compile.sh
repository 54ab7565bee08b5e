#!/bin/sh
# compile.sh DIRECTORY: compiles the C programs of the benchmark into the directory: static, of musl, and one floor of glibc.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
for pair in musl-gcc:musl-tools valgrind:valgrind update-ca-certificates:ca-certificates; do
    "$here/../scripts/install.sh" "${pair%%:*}" "${pair#*:}"
done
wolfssl=$("$here/wolfssl.sh")
cd "$1"
for program in floor measure target; do
    musl-gcc -O2 -static -Wall -o "$program" "$here/$program.c"
done
cc -O2 -static -Wall -o floor-glibc "$here/floor.c"
musl-gcc -O2 -static -Wall -DTLS -I"$here" -I"$wolfssl/source" -DWOLFSSL_USER_SETTINGS -Wl,--gc-sections -o floor-tls \
    "$here/floor.c" "$wolfssl/libwolfssl.a"
