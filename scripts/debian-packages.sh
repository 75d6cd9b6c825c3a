#!/usr/bin/env bash
# The one list of every Debian package that the tests use beyond git, make, python3 and python3-venv.
# Usage: scripts/debian-packages.sh --list | --missing | --install
set -euo pipefail

packages=(
    chromium        # the browser tests open the real pages
    chromium-driver # lets the browser tests steer it; its version must be the browser's
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
        echo "Not a Debian system. The browser tests are skipped unless these are here: ${wanted[*]}" >&2
        return 0
    fi
    if ((EUID != 0)); then
        if ! sudo --non-interactive true 2>/dev/null; then
            echo "Missing for the browser tests, which are skipped: apt-get install ${wanted[*]}" >&2
            return 0
        fi
        as_root=(sudo --non-interactive)
    fi
    echo "Installing for the browser tests: ${wanted[*]}"
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get update --quiet && exec apt-get install --quiet --yes --no-install-recommends "$@"' apt "${wanted[@]}"; then
        echo "Could not install ${wanted[*]}; the browser tests are skipped" >&2
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
