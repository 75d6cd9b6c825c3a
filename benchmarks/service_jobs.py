"""Jobs drained by two Celery workers over Redis and PostgreSQL: throughput, duplicates, what the hub itself costs."""

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.service_catalog import cpu_seconds_below
from benchmarks.service_hub import DATABASE, REPOSITORY
from cluster.postgres import Postgres
from cluster.redis import Redis
from cluster.worker import Worker

WORKERS = 2
OVERHEAD_GOAL_MS = 15
_PATIENCE_SECONDS = 900
# What a validation asks of the other queue waits for a worker with a GPU, and is none of this.
_OPEN = "SELECT count(*) FROM jobs_job WHERE state IN ('queued', 'running') AND queue = 'cpu'"
_SPAN = """
SELECT count(*), count(*) FILTER (WHERE state = 'succeeded'),
  extract(epoch FROM max(finished_at) - min(started_at)), sum(attempts),
  (SELECT count(*) FROM jobs_jobevent JOIN jobs_job ON jobs_job.id = job_id
   WHERE jobs_jobevent.kind = 'claimed' AND queue = 'cpu'),
  percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)),
  percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at))
FROM jobs_job WHERE queue = 'cpu'
"""
_EFFECTS = {
    "nothing": "SELECT count(*), count(DISTINCT subject) FROM reviews_auditevent WHERE action = 'bench'",
    "validation": "SELECT count(*), count(DISTINCT id) FROM adapters_revision WHERE report <> '{}'",
}


@dataclass(frozen=True)
class Drained:
    """One queue that was emptied."""

    kind: str
    jobs: int
    succeeded: int
    seconds: float
    claims: int
    effects: int
    median_ms: float
    p99_ms: float
    submit_ms: float
    cpu_ms: float
    database_ms: float

    @property
    def overhead_ms(self) -> float:
        """Wall time that one worker spends on a job, from claim to claim."""
        return self.seconds * WORKERS / self.jobs * 1e3

    def line(self) -> str:
        """The line as Markdown."""
        return (
            f"| {self.kind} | {self.jobs} | {self.succeeded} | {self.jobs / self.seconds:.0f} | {self.overhead_ms:.1f} "
            f"| {self.median_ms:.1f} | {self.p99_ms:.0f} | {self.cpu_ms:.1f} | {self.database_ms:.1f} "
            f"| {self.submit_ms:.1f} | {self.claims - self.jobs} | {self.effects - self.jobs} |"
        )


HEAD = [
    "| job | queued | succeeded | jobs/s | ms a worker and job | median ms claimed to ended | p99 ms | worker CPU ms "
    "| PostgreSQL CPU ms | ms to queue | claims too many | effects too many |",
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
]


def measure_jobs(*, jobs: int, validations: int) -> list[str]:
    """The section's lines."""
    from tests.functional.real_adapters import make_lora, minilm_folder

    with tempfile.TemporaryDirectory(prefix="hub-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        modules = ("query", "key", "value")
        lora = make_lora(minilm_folder(), folder / "lora", seed=3, rank=24, modules=modules)
        found = [
            drain("nothing", jobs, folder / "nothing", ""),
            drain("validation", validations, folder / "validation", str(lora)),
        ]
    return [*HEAD, *(row.line() for row in found)]


def drain(kind: str, count: int, folder: Path, lora: str) -> Drained:
    """Queue ``count`` jobs while two workers are held by SIGSTOP, let them go, and wait until all have ended."""
    folder.mkdir()
    folder.chmod(0o755)
    with ExitStack() as running:
        postgres_folder = folder / "postgres"
        postgres_folder.mkdir(mode=0o755)
        postgres = running.enter_context(Postgres(postgres_folder))
        redis = running.enter_context(Redis(folder / "redis"))
        settings = _settings(postgres, redis, folder)
        environment = {**os.environ, **settings, "HUB_DATA_DIR": str(folder / "data")}
        _run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], environment)
        workers = [Worker(f"worker-{number}", folder / f"worker-{number}") for number in range(WORKERS)]
        for worker in workers:
            worker.environment |= settings
            running.enter_context(worker).pause()
        said = _run([sys.executable, "-m", "benchmarks.service_queueing", kind, str(count), lora], environment)
        spent = -sum(cpu_seconds_of_all(worker.pid) for worker in workers)
        database = cpu_seconds_below(postgres.pid)
        for worker in workers:
            worker.resume()
        _wait(postgres)
        spent += sum(cpu_seconds_of_all(worker.pid) for worker in workers)
        database = cpu_seconds_below(postgres.pid) - database
        ((total, succeeded, seconds, _, claims, median, p99),) = postgres.execute(_SPAN, database=DATABASE)
        ((effects, _),) = postgres.execute(_EFFECTS[kind], database=DATABASE)
    per_job = 1e3 / count
    times = (float(seconds), float(median) * 1e3, float(p99) * 1e3)
    return Drained(
        kind, total, succeeded, times[0], claims, effects, times[1], times[2],
        json.loads(said.splitlines()[-1])["submit_ms"], spent * per_job, database * per_job,
    )  # fmt: skip


def cpu_seconds_of_all(pid: int) -> float:
    """Processor time of a process and everything below it."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_seconds_below(pid) + sum(cpu_seconds_of_all(int(child)) - _own(int(child)) for child in below)


def _own(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _settings(postgres: Postgres, redis: Redis, folder: Path) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "benchmarks.service_settings",
        "DATABASE_URL": postgres.database(DATABASE),
        "HUB_BROKER_URL": redis.url(),
        "HUB_STORAGE_URL": str(folder / "store"),
        "HUB_SECRET_KEY": "only for benchmarks " * 3,
        "HUB_ALLOWED_HOSTS": "localhost",
        "HUB_LOG_LEVEL": "WARNING",
        "HF_HUB_OFFLINE": "1",
    }


def _wait(postgres: Postgres) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while postgres.execute(_OPEN, database=DATABASE) != [(0,)]:
        assert time.monotonic() < deadline, "the queue was not drained in time"
        time.sleep(0.25)


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
