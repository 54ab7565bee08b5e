#!/bin/sh
# musl.sh x86_64|aarch64: builds the static musl binary for that architecture and prints the directory with vault-exec,
# toolchain.txt (the versions it was built with) and licenses/ (of the C library and of Rust's standard library).
#
# A toolchain that has the target is used as it is: `rustup target add`, or Rust on Alpine. Otherwise the compiler comes
# from Debian, in a directory of its own, and cargo builds the standard library from source; that requires root on Debian.
set -eu
cd "$(dirname "$0")/.."
arch=$1
target=$arch-unknown-linux-musl
base=${CARGO_TARGET_DIR:-target}/musl
mkdir -p "$base"
base=$(cd "$base" && pwd)
out=$base/$arch
# The suite is a stable one, because its packages change only with a point release. Debian keeps a recent Rust in it for
# browsers, under the name rustc-web.
suite=trixie
debian=$base/$suite
oldest_musl=1.2.5

# Which functions stand side by side. Debian's linker reads it; others differ.
order=scripts/hot-functions.ld

# Unwind tables are useless in a binary that aborts on panic.
flags=-Cforce-unwind-tables=no
upper=$(echo "$arch" | tr '[:lower:]' '[:upper:]')

# Of several builds at once, the first one runs and the others wait.
exec 9>"$base/lock"
flock 9

# musl_version LIBC_A: the version is a string in the library.
musl_version() {
    version=$(LC_ALL=C grep --text --only-matching --max-count=1 '1\.[0-9]\+\.[0-9]\+' "$1" | head -n 1)
    if [ "$(printf '%s\n' "$oldest_musl" "$version" | sort --version-sort | head -n 1)" != "$oldest_musl" ]; then
        echo "musl.sh: musl ${version:-of unknown version}, required: $oldest_musl, whose resolver supports TCP" >&2
        exit 1
    fi
    echo "$version"
}

with_installed_target() {
    libs=$(rustc --print target-libdir --target "$target")
    musl=$(find "$libs/self-contained" /usr/lib /lib -maxdepth 1 -name libc.a 2>/dev/null | head -n 1)
    registry=${CARGO_HOME:-$HOME/.cargo}/registry/src
    case $(rustc -vV) in
        *"host: $arch-"*) ;;
        # clang and lld need no files of the target: Rust brings musl.
        *)
            variable=CC_${arch}_unknown_linux_musl
            eval "export $variable=\${$variable:-clang}"
            flags="$flags -Clinker=clang -Clink-arg=--target=$target -Clink-arg=-fuse-ld=lld"
            ;;
    esac
    env --unset=RUSTFLAGS "CARGO_TARGET_${upper}_UNKNOWN_LINUX_MUSL_RUSTFLAGS=$flags --remap-path-prefix=$registry/=" \
        cargo build --release --locked --target "$target" --target-dir "$base/build" >&2
    {
        rustc -vV
        cargo -V
        echo "musl $(musl_version "$musl")"
    } >"$out/toolchain.txt"
    cp "$(rustc --print sysroot)"/share/doc/rust/COPYRIGHT* "$out/licenses" 2>/dev/null || true
}

make_debian() {
    scripts/install.sh mmdebstrap mmdebstrap
    rm -rf "$debian" "$debian.part"
    mmdebstrap --quiet --variant=apt --architectures=amd64,arm64 --dpkgopt=force-unsafe-io \
        --aptopt='APT::Install-Recommends "false"' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --include=rustc-web,cargo-web,rust-web-src,gcc,libc6-dev,gcc-aarch64-linux-gnu,musl-dev,musl-dev:arm64 \
        "$suite" "$debian.part" >&2
    mkdir "$debian.part/source" "$debian.part/build" "$debian.part/cargo"
    for musl in x86_64 aarch64; do
        # shellcheck disable=SC2016 # expanded by the inner shell
        chroot "$debian.part" sh -euc '"$1-linux-gnu-gcc" -Os -x c -c -o /tmp/unwind.o - &&
            "$1-linux-gnu-ar" rc "/usr/lib/$1-linux-musl/libunwind.a" /tmp/unwind.o' unwind "$musl" <scripts/unwind.c
    done
    mv "$debian.part" "$debian"
}

# Runs a command in the directory, with the sources at /source and the build at /build, without network. The mounts end
# with the command.
in_debian() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount --net sh -euc '
        debian=$1 source=$2 build=$3
        shift 3
        mount --bind -o ro "$source" "$debian/source"
        mount --bind "$build" "$debian/build"
        mount --rbind /dev "$debian/dev"
        mount -t proc proc "$debian/proc"
        exec chroot "$debian" env --ignore-environment --chdir=/source PATH=/usr/bin:/bin HOME=/cargo CARGO_HOME=/cargo \
            CARGO_TARGET_DIR=/build "$@"
    ' in_debian "$debian" "$PWD" "$base/build" "$@"
}

with_debian() {
    [ -d "$debian" ] || make_debian
    # The dependencies of the standard library, too, which has a lock of its own.
    rm -rf "$debian/cargo/vendor"
    RUSTC_BOOTSTRAP=1 cargo vendor --quiet --locked --versioned-dirs \
        --sync "$debian/usr/lib/rustlib/src/rust/library/Cargo.toml" "$debian/cargo/vendor" >/dev/null
    cat >"$debian/cargo/config.toml" <<'END'
[source.crates-io]
replace-with = "vendor"
[source.vendor]
directory = "/cargo/vendor"
END
    gcc=$arch-linux-gnu-gcc
    specs=-specs=/usr/lib/$arch-linux-musl/musl-gcc.specs
    in_debian RUSTC_BOOTSTRAP=1 "CARGO_PROFILE_RELEASE_STRIP=${CARGO_PROFILE_RELEASE_STRIP:-symbols}" \
        "CC_${arch}_unknown_linux_musl=$gcc $specs" \
        "AR_${arch}_unknown_linux_musl=$arch-linux-gnu-ar" \
        "CARGO_TARGET_${upper}_UNKNOWN_LINUX_MUSL_LINKER=$gcc" \
        "CARGO_TARGET_${upper}_UNKNOWN_LINUX_MUSL_RUSTFLAGS=$flags --remap-path-prefix=/cargo/vendor/= \
            -Clink-self-contained=no -Clink-arg=$specs" \
        cargo rustc --offline --release --locked --target "$target" \
            -Zbuild-std=std,panic_abort -Zbuild-std-features= --bin vault-exec -- \
            "-Clink-arg=-Wl,--section-ordering-file=$order" "-Cmetadata=$(sha256sum "$order" | cut -c 1-16)" >&2
    {
        in_debian rustc -vV
        in_debian cargo -V
        echo "musl $(musl_version "$debian/usr/lib/$arch-linux-musl/libc.a")"
        echo "packages of Debian $(cat "$debian/etc/debian_version"):"
        # shellcheck disable=SC2016 # expanded by dpkg-query
        in_debian dpkg-query --show --showformat '${binary:Package} ${Version}\n' rustc-web cargo-web rust-web-src \
            libstd-rust-web-dev 'gcc-*' 'binutils-*' musl-dev | awk 'NF == 2'
    } >"$out/toolchain.txt"
    cp "$debian/usr/share/doc/musl-dev/copyright" "$out/licenses/musl.txt"
    cp "$debian/usr/share/doc/rust-web-src/copyright" "$out/licenses/rust.txt"
}

rm -rf "$out"
mkdir -p "$out/licenses" "$base/build"
if [ -n "$(find "$(rustc --print target-libdir --target "$target")" -name 'libstd-*.rlib' 2>/dev/null)" ]; then
    with_installed_target
else
    with_debian
fi
install -m 0755 "$base/build/$target/release/vault-exec" "$out/vault-exec"
echo "$out"
