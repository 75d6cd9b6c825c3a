#!/bin/sh
# Push an adapter from CI, wait for the hub's verdict, and fail the build when the hub says no.
#
#   HUB_URL    the hub, such as https://hub.example        (required)
#   HUB_TOKEN  a token with the scope `write`               (required; keep it in the CI's secret store)
#   HUB_BASE   the base model, such as org/model@revision   (optional, asked for by most hubs)
#   HUB_WAIT_SECONDS  longest wait for the validation       (optional, 600)
#
#   push.sh DIR NAMESPACE/NAME [VERSION]
#
# Exit codes are those of hubclient: 0 done, 1 refused by the hub, 2 wrong usage, 3 network, 4 not permitted, 5 integrity.
# The hub's answer as JSON goes to standard output, everything else to standard error. Running it again is safe: an
# interrupted push continues, and the same files under a published version are no error.

set -eu

if [ "$#" -lt 2 ] || [ "$#" -gt 3 ]; then
    echo "usage: push.sh DIR NAMESPACE/NAME [VERSION]" >&2
    exit 2
fi
if [ -z "${HUB_URL:-}" ] || [ -z "${HUB_TOKEN:-}" ]; then
    echo "push.sh: set HUB_URL and HUB_TOKEN" >&2
    exit 2
fi

folder=$1
name=$2
version=${3:-}

set -- "$folder" "$name" --json --wait --timeout "${HUB_WAIT_SECONDS:-600}"
if [ -n "$version" ]; then
    set -- "$@" --version "$version"
fi
if [ -n "${HUB_BASE:-}" ]; then
    set -- "$@" --base "$HUB_BASE"
fi

code=0
hubclient push "$@" || code=$?
if [ "$code" -eq 0 ]; then
    echo "push.sh: $name was taken by $HUB_URL" >&2
else
    echo "push.sh: $name was not taken by $HUB_URL (exit code $code, reason above)" >&2
fi
exit "$code"
