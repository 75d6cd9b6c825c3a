"""Many workers at one PostgreSQL: each job is claimed once, the most urgent first, through the index."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from tests.functional.hub_process import SECRET_KEY
from tests.servers.postgres import PostgresServer

REPOSITORY = Path(__file__).resolve().parents[2]
JOBS = 600
PROCESSES = 2


@pytest.fixture
def environment(tmp_path: Path, postgres: PostgresServer) -> dict[str, str]:
    """A hub's settings on a database of its own, migrated."""
    own = {"DATABASE_URL": postgres.database("claims"), "HUB_DATA_DIR": str(tmp_path), "HUB_SECRET_KEY": SECRET_KEY}
    environment = {**os.environ, **own, "DJANGO_SETTINGS_MODULE": "hub.settings"}
    run(["manage.py", "migrate", "--verbosity", "0"], environment)
    return environment


def run(command: list[str], environment: Mapping[str, str]) -> str:
    return subprocess.check_output([sys.executable, *command], cwd=REPOSITORY, env=environment, text=True)


def test_each_of_many_jobs_is_claimed_once_the_most_urgent_first(
    environment: dict[str, str], postgres: PostgresServer
) -> None:
    draining = ["-m", "tests.faults.draining"]
    run([*draining, "fill", str(JOBS)], environment)
    workers = [
        subprocess.Popen(
            [sys.executable, *draining, "drain"], cwd=REPOSITORY, env=environment, text=True, stdout=subprocess.PIPE
        )
        for _ in range(PROCESSES)
    ]
    said = [json.loads(worker.communicate(timeout=120)[0]) for worker in workers]
    done = [job for one in said for job in one["done"]]
    assert len({job for job, _ in done}) == len(done) == JOBS
    for one in said:
        # Threads note what they finished a moment apart; thirds of the work are not mixed.
        order = [priority for _, priority in one["done"]]
        assert sum(a < b for a, b in pairwise(order)) <= 8
    print(f"{max(one['seconds'] for one in said) / JOBS * 1000:.1f} ms a job")
    rows = postgres.execute(
        "SELECT attempts, count(*) FROM jobs_job WHERE kind = 'counted' GROUP BY 1", database="claims"
    )
    assert rows == [(1, JOBS)]


def test_the_next_job_is_found_through_its_index(environment: dict[str, str], postgres: PostgresServer) -> None:
    run(["-m", "tests.faults.draining", "fill", str(JOBS)], environment)
    postgres.execute("ANALYZE jobs_job", database="claims")
    ask = (
        "EXPLAIN SELECT id FROM jobs_job WHERE queue = 'cpu' AND state = 'queued' AND available_at <= now() "
        "ORDER BY priority DESC, available_at, created_at LIMIT 1 FOR UPDATE SKIP LOCKED"
    )
    plan = "\n".join(str(row[0]) for row in postgres.execute(ask, database="claims"))
    assert "job_next" in plan, plan
    assert "Sort" not in plan, plan
