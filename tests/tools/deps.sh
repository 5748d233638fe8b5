#!/bin/sh
# Installs the Debian packages named as arguments that are missing. Nothing missing:
# no network, no root. Exit 7: they cannot be installed from here.
set -u
if ! command -v dpkg-query >/dev/null 2>&1; then
    if pkg-config --exists yaml-0.1 sqlite3 openblas zlib libzip jansson libisal criterion 2>/dev/null; then exit 0; fi
    echo "This is no Debian or Ubuntu. Please install, by the names of your system: $*" >&2
    exit 7
fi
missing=
for p in "$@"; do
    dpkg-query -W -f='${Status}\n' "$p" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $p"
done
[ -z "$missing" ] && exit 0
sudo=
if [ "$(id -u)" != 0 ]; then
    if sudo -n true 2>/dev/null; then
        sudo="sudo -n"
    else
        echo "Missing packages; please run: sudo apt-get install --no-install-recommends$missing" >&2
        exit 7
    fi
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
$sudo apt-get install -y --no-install-recommends $missing ||
    { $sudo apt-get update && $sudo apt-get install -y --no-install-recommends $missing; } || {
    echo "apt-get could not install:$missing" >&2
    exit 7
}
