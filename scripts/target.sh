#!/bin/sh
# Prints the target of a release build on this machine: musl if the toolchain has that target and a C compiler for it,
# otherwise the machine's own.
set -eu
host=$(rustc -vV | sed -n 's/^host: //p')
musl=${host%%-*}-unknown-linux-musl
libs=$(rustc --print target-libdir --target "$musl")
if [ "$host" = "$musl" ] || { ls "$libs"/libstd-*.rlib && command -v musl-gcc; } >/dev/null 2>&1; then
    echo "$musl"
else
    echo "$host"
fi
