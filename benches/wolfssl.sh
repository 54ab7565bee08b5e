#!/bin/sh
# Compiles wolfSSL, static and of musl, for the floor that speaks TLS, and prints the directory with libwolfssl.a and source/.
# The source is Debian's, checked by apt; its newest stable suite, whose packages change only with a point release.
set -eu
suite=trixie
here=$(cd "$(dirname "$0")" && pwd)
tools=$here/../tests/.tools
directory=$tools/wolfssl
# Of several callers at once, the first one compiles and the others wait.
mkdir -p "$tools"
exec 9>"$directory.lock"
flock 9
if ! cmp --quiet "$here/user_settings.h" "$directory/user_settings.h"; then
    rm -rf "$directory" "$directory.part"
    mkdir -p "$directory.part/lists/partial" "$directory.part/objects"
    cd "$directory.part"
    # shellcheck disable=SC2016 # expanded by apt-get
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' 'Component: main' | head -n 1)
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >sources.list
    # Lists of its own: the machine's packages stay those of its own suite.
    apt="apt-get -qq -o Dir::Etc::sourcelist=$PWD/sources.list -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists=$PWD/lists -o APT::Sandbox::User=root"
    $apt update >&2
    $apt source wolfssl >/dev/null 2>&1
    mv wolfssl-*/ source
    cd objects
    sources="$(find ../source/wolfcrypt/src -maxdepth 1 -name '*.c' ! -name evp.c ! -name misc.c)"
    for name in internal keys ssl tls tls13 wolfio; do
        sources="$sources ../source/src/$name.c"
    done
    if [ "$(uname -m)" = x86_64 ]; then
        for name in aes aes_gcm fe_x25519 sha256 sha512 sp_x86_64; do
            sources="$sources ../source/wolfcrypt/src/${name}_asm.S"
        done
        flags="-maes -mpclmul -msse4.1 -DWOLFSSL_X86_64_BUILD"
    fi
    # shellcheck disable=SC2086 # lists of files and flags
    echo $sources | xargs -n 4 -P "$(nproc)" musl-gcc -O2 -ffunction-sections -fdata-sections ${flags-} -I"$here" \
        -I../source -DWOLFSSL_USER_SETTINGS -c
    ar rc ../libwolfssl.a ./*.o
    cp "$here/user_settings.h" ..
    cd ..
    rm -rf objects lists ./wolfssl_*
    cd "$tools"
    mv "$directory.part" "$directory"
fi
echo "$directory"
