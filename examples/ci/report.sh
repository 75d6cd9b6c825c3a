#!/bin/sh
# Measure the version that was just pushed, write a report for the pull request, and fail the build when it is worse.
#
#   HUB_URL            the hub, such as https://hub.example                       (required)
#   HUB_TOKEN          a token with the scopes `read` and `write`                  (required; keep it in the CI's secret store)
#   HUB_LARGEST_DROP   fail when the score is more than this worse, such as 0.01   (optional; else the hub's policies decide)
#   HUB_MOST_FLIPS     fail when more than this share of rows turned wrong         (optional)
#   HUB_WAIT_SECONDS   longest wait for a measurement                              (optional, 1800)
#
#   report.sh NAMESPACE/NAME[@VERSION] NAMESPACE/SET [REPORT.md [BADGE.svg]]
#
# Exit codes are those of hubclient; 1 also means that the gate failed, and then the report is written all the same.
# Post REPORT.md (report.md when left out) as a comment of the pull request with whatever your CI offers for that.

set -eu

if [ "$#" -lt 2 ] || [ "$#" -gt 4 ]; then
    echo "usage: report.sh NAMESPACE/NAME[@VERSION] NAMESPACE/SET [REPORT.md [BADGE.svg]]" >&2
    exit 2
fi
if [ -z "${HUB_URL:-}" ] || [ -z "${HUB_TOKEN:-}" ]; then
    echo "report.sh: set HUB_URL and HUB_TOKEN" >&2
    exit 2
fi

name=$1
evaluation_set=$2
report=${3:-report.md}
badge=${4:-}

set -- "$name" --set "$evaluation_set" --timeout "${HUB_WAIT_SECONDS:-1800}"
if [ -n "${HUB_LARGEST_DROP:-}" ]; then
    set -- "$@" --largest-drop "$HUB_LARGEST_DROP"
fi
if [ -n "${HUB_MOST_FLIPS:-}" ]; then
    set -- "$@" --most-flips "$HUB_MOST_FLIPS"
fi
if [ -n "$badge" ]; then
    set -- "$@" --badge "$badge"
fi

code=0
hubclient ci-report "$@" > "$report" || code=$?
if [ "$code" -eq 0 ]; then
    echo "report.sh: $name may pass; the report is in $report" >&2
else
    echo "report.sh: $name may not pass (exit code $code); what there is to say is in $report or above" >&2
fi
exit "$code"
