"""``make bench-service``: catalog, jobs and transfer in one run, kept in RESULTS.md (``--quick`` for a smoke run)."""

import argparse
import subprocess
import sys
from datetime import UTC, datetime

from benchmarks.machine import calibration, machine, record

_ROWS, _QUICK_ROWS = 1_000_000, 20_000


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20,000 adapters, 100 jobs, no transfer, nothing kept")
    parser.add_argument("--only", choices=["catalog", "jobs", "transfer"])
    asked = parser.parse_args()
    for name in ("catalog", "jobs"):
        if asked.only in (None, name):
            _keep(f"Service: {name} (`make bench-service`)", _measure(name, is_quick=asked.quick), asked.quick)
    # Bytes are measured in a process of their own, with its own options.
    if asked.only == "transfer" or not (asked.only or asked.quick):
        subprocess.run([sys.executable, "-m", "benchmarks.service_transfer"], check=True)


def _measure(name: str, *, is_quick: bool) -> list[str]:
    if name == "catalog":
        from benchmarks.service_catalog import measure_catalog

        rows = _QUICK_ROWS if is_quick else _ROWS
        remark = f"{rows:,} adapters; 16 keep-alive connections; gunicorn gthread 2 x 4, PostgreSQL and the load "
        return [remark + "generator on the same cores.", "", *measure_catalog(rows=rows, seconds=2 if is_quick else 8)]
    from benchmarks.service_jobs import OVERHEAD_GOAL_MS, measure_jobs

    lines = measure_jobs(jobs=100 if is_quick else 1000, validations=10 if is_quick else 200)
    return [f"Two workers of one thread; goal: {OVERHEAD_GOAL_MS} ms of the hub for a job.", "", *lines]


def _keep(title: str, lines: list[str], is_quick: bool) -> None:
    versions = machine("Django", "psycopg", "gunicorn", "celery", "redis")
    lines = [f"{datetime.now(UTC):%Y-%m-%d}, {versions}", "", calibration(), "", *lines]
    if is_quick:
        print(f"{title}\n\n" + "\n".join(lines))
    else:
        record(title, lines)


if __name__ == "__main__":
    main()
