#!/usr/bin/env bash
# Say in one line what is missing before anything is built. Usage: scripts/check-tools.sh PYTHON
set -euo pipefail
python="${1:-python3}"
missing=()
for tool in git make; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    missing+=("python3.11 ($python is not Python 3.11 or newer; choose one with PYTHON=...)")
elif ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    missing+=("python3-venv (the venv and ensurepip modules of $python)")
fi
if ((${#missing[@]})); then
    joined="$(printf ', %s' "${missing[@]}")"
    echo "Adapter Hub needs ${joined:2}. On Debian: apt-get install git make python3 python3-venv" >&2
    exit 1
fi
