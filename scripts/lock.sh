#!/usr/bin/env bash
# Pin every requirement: requirements/*.in -> requirements/*.txt, with nothing about the machine that ran it.
# Usage: scripts/lock.sh [PYTHON] [pip-compile options, such as --upgrade]
set -euo pipefail
cd "$(dirname "$0")/../requirements"
python="${1:-../.venv/bin/python}"
shift || true
for name in base ml lm dev; do
    echo "pinning requirements/$name.txt"
    CUSTOM_COMPILE_COMMAND="make lock" "$python" -m piptools compile --quiet --no-strip-extras --allow-unsafe \
        --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
        --output-file "$name.txt" "$@" "$name.in"
    # A local build's suffix (torch==2.13.0+cpu) would refuse every other build of the same release.
    sed --in-place --regexp-extended 's/^(torch==[0-9.]+)\+[a-z0-9.]+/\1/' "$name.txt"
done
if grep --line-number --extended-regexp '://|^--' ./*.txt; then
    echo "lock.sh: the lines above name an index or a path; remove them" >&2
    exit 1
fi
