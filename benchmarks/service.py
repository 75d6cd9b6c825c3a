"""``make bench-service``: catalog, jobs and transfer in one run, kept in RESULTS.md (``--quick`` for a smoke run)."""

import argparse
import subprocess
import sys
import time
from datetime import UTC, datetime

from benchmarks.machine import calibration, machine, record

_ROWS, _QUICK_ROWS = 1_000_000, 20_000
_JOBS, _VALIDATIONS = 1000, 200
_ROUNDS = 3
_TRANSFER = ("--megabytes", "500", "--rounds", "3")
_TRANSFER_SECONDS = 1800


def main() -> None:
    """Measure and record."""
    asked = _asked()
    began = time.monotonic()
    for name in ("catalog", "jobs"):
        if asked.only in (None, name):
            before = calibration()
            print(before, flush=True)
            _keep(f"Service: {name} (`make bench-service`)", [before, "", *_measure(name, asked)], asked.quick)
    # Bytes are measured in a process of their own, with its own options.
    if asked.only == "transfer" or not (asked.only or asked.quick):
        command = [sys.executable, "-m", "benchmarks.service_transfer", *_TRANSFER]
        subprocess.run(command, check=True, timeout=_TRANSFER_SECONDS)
    print(f"done in {(time.monotonic() - began) / 60:.1f} minutes")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20,000 adapters, one round, no transfer, nothing kept")
    parser.add_argument("--only", choices=["catalog", "jobs", "transfer"])
    parser.add_argument("--adapters", type=int, help=f"rows of the catalog (default {_ROWS:,})")
    parser.add_argument("--jobs", type=int, help=f"jobs that do nothing (default {_JOBS}); a fifth as many validations")
    parser.add_argument("--rounds", type=int, help=f"times that each line is measured, in turns (default {_ROUNDS})")
    asked = parser.parse_args()
    asked.adapters = asked.adapters or (_QUICK_ROWS if asked.quick else _ROWS)
    asked.rounds = asked.rounds or (1 if asked.quick else _ROUNDS)
    asked.jobs = asked.jobs or (100 if asked.quick else _JOBS)
    return asked


def _measure(name: str, asked: argparse.Namespace) -> list[str]:
    if name == "catalog":
        from benchmarks.service_catalog import measure_catalog

        seconds = 2 if asked.quick else 4
        remark = (
            f"{asked.adapters:,} adapters; 16 keep-alive connections; gunicorn gthread 2 x 8, PostgreSQL and the load "
            f"generator on the same cores; medians of {asked.rounds} rounds of {seconds} s, every line once before any "
            "line again. Requests are not logged but where a line says so."
        )
        return [remark, "", *measure_catalog(rows=asked.adapters, seconds=seconds, rounds=asked.rounds)]
    from benchmarks.service_jobs import OVERHEAD_GOAL_MS, measure_jobs

    lines = measure_jobs(jobs=asked.jobs, validations=max(asked.jobs // 5, 10))
    return [f"Two workers of one thread; goal: {OVERHEAD_GOAL_MS} ms of the hub for a job.", "", *lines]


def _keep(title: str, lines: list[str], is_quick: bool) -> None:
    versions = machine("Django", "psycopg", "gunicorn", "celery", "redis")
    lines = [f"{datetime.now(UTC):%Y-%m-%d}, {versions}", "", *lines]
    if is_quick:
        print(f"{title}\n\n" + "\n".join(lines))
    else:
        record(title, lines)


if __name__ == "__main__":
    main()
