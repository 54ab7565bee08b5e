#!/bin/sh
# Installs tinyproxy, a real proxy for the tests, from Debian if it is not there, and prints where it is.
set -eu
mkdir -p "$(dirname "$0")/.tools"
# Several tests may ask at once: the first one installs, the others wait.
exec 9>"$(dirname "$0")/.tools/lock"
flock 9
if ! command -v tinyproxy; then
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends tinyproxy-bin; } >&2
    command -v tinyproxy
fi
