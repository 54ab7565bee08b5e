#!/bin/sh
# Prints the path of Debian's nginx, unpacked into tests/.tools if it is missing: installed, it would start as a service.
set -eu
tools=$(cd "$(dirname "$0")/../.." && pwd)/tests/.tools
# Of several callers at once, the first one unpacks and the others wait.
mkdir -p "$tools"
exec 9>"$tools/nginx.lock"
flock 9
if ! [ -x "$tools/nginx/usr/sbin/nginx" ]; then
    rm -rf "$tools/nginx" "$tools/nginx.part"
    mkdir "$tools/nginx.part"
    cd "$tools/nginx.part"
    apt-get -qq -o DPkg::Lock::Timeout=600 update >&2
    # As root, apt would complain that its user cannot write to this directory.
    apt-get -qq -o APT::Sandbox::User=root download nginx >&2
    dpkg-deb --extract nginx_*.deb .
    mv "$tools/nginx.part" "$tools/nginx"
fi
echo "$tools/nginx/usr/sbin/nginx"
