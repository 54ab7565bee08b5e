#!/bin/sh
# install.sh PROGRAM PACKAGE: installs the package from Debian if the program is missing, which requires root.
set -eu
command -v "$1" >/dev/null && exit
apt-get -qq -o DPkg::Lock::Timeout=600 update >&2
DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=600 install --yes \
    --no-install-recommends "$2" >&2
