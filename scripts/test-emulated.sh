#!/bin/sh
# test-emulated.sh BINARY [ARG...]: runs the integration tests with an aarch64 binary, emulated by QEMU; the ARGs are for the
# test program. Requires root: while the tests run, the kernel passes aarch64 programs to QEMU.
set -eu
cd "$(dirname "$0")/.."
binary=$(realpath "$1")
shift
scripts/install.sh qemu-aarch64-static qemu-user-static
formats=/proc/sys/fs/binfmt_misc
[ -e $formats/register ] || mount -t binfmt_misc binfmt_misc $formats
if ! [ -e $formats/qemu-aarch64 ]; then
    trap 'echo -1 >$formats/qemu-aarch64' EXIT
    trap 'exit 1' HUP INT TERM
    cat /usr/lib/binfmt.d/qemu-aarch64.conf >$formats/register
fi
# Left out: memory:: and leaks:: trace the process and inject faults into its system calls, but it is QEMU that makes them,
# with threads, signals and descriptors of its own; deadlines of a few seconds are too short for an emulator; and QEMU reads
# the environment itself, passes each name once, and has other numbers for signals of the C library.
VAULT_EXEC_TEST_BINARY=$binary cargo test --locked --test integration -- --include-ignored \
    --skip memory:: --skip leaks:: --skip repo:: --skip faults:: --skip connection::deadline \
    --skip connection::scale --skip the_program_inherits_ --skip an_ip_address_needs_no_thread \
    --skip each_name_reaches_the_program_once \
    --skip entries_without_a_name --skip every_signal_that_ends_a_start "$@"
