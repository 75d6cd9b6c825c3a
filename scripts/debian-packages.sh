#!/usr/bin/env bash
# The one list of every Debian package that the tests use beyond git, make, python3 and python3-venv.
# Usage: scripts/debian-packages.sh --list | --missing | --install
set -euo pipefail

packages=(
    chromium        # the browser tests open the real pages
    chromium-driver # lets the browser tests steer it; its version must be the browser's
    postgresql      # the database of a hub on several machines; the tests start servers of their own
    redis-server    # its broker, likewise
    nginx-light     # the proxy before several web processes, likewise
    gettext-base    # envsubst, which fills in the proxy's configuration
    faketime        # a worker whose clock is wrong
)

missing() {
    local package
    for package in "${packages[@]}"; do
        dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep --quiet '^installed$' ||
            echo "$package"
    done
}

install_missing() {
    local wanted as_root=()
    mapfile -t wanted < <(missing)
    ((${#wanted[@]})) || return 0
    if ! command -v apt-get >/dev/null; then
        echo "Not a Debian system. The tests that need them are skipped without: ${wanted[*]}" >&2
        return 0
    fi
    if ((EUID != 0)); then
        if ! sudo --non-interactive true 2>/dev/null; then
            echo "Missing; the tests that need them are skipped: apt-get install ${wanted[*]}" >&2
            return 0
        fi
        as_root=(sudo --non-interactive)
    fi
    echo "Installing for the tests: ${wanted[*]}"
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get update --quiet && exec apt-get install --quiet --yes --no-install-recommends "$@"' apt "${wanted[@]}"; then
        echo "Could not install ${wanted[*]}; the tests that need them are skipped" >&2
    fi
}

case "${1:-}" in
    --list) printf '%s\n' "${packages[@]}" ;;
    --missing) missing ;;
    --install) install_missing ;;
    *)
        echo "usage: $0 --list | --missing | --install" >&2
        exit 2
        ;;
esac
