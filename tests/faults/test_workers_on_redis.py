"""`celery -A hub worker` on real PostgreSQL and Redis: told to stop, killed, and with a broker that goes away."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.celery_process import CeleryProcess
from tests.functional.hub_process import SECRET_KEY, Api, HubProcess, bootstrap
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.redis import RedisServer, breakable_redis
from tests.servers.tcp_proxy import TcpProxy

__all__ = ["breakable_redis", "postgres"]
pytest.importorskip("torch", reason="the forkserver preloads torch")
CONFIG = {
    "model_type": "bert",
    "architectures": ["BertModel"],
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "vocab_size": 50,
}


class Cluster:
    """A hub that serves, its administrator, its broker behind a proxy, and the means to start workers."""

    def __init__(self, folder: Path, database_url: str, redis: RedisServer, proxy: TcpProxy) -> None:
        self.redis, self.proxy = redis, proxy
        self._folder = folder
        self._made = 0
        self.environment = {
            "DATABASE_URL": database_url,
            "HUB_BROKER_URL": redis.url(port=proxy.listens_on),
            "HUB_DATA_DIR": str(folder / "data"),
            "HUB_JOB_LEASE_SECONDS": "3",
            "HUB_JOB_SWEEP_SECONDS": "2",
            "HF_HUB_OFFLINE": "1",
            "HUB_SECRET_KEY": SECRET_KEY,
            "HUB_SECURE_COOKIES": "0",
        }
        self.hub = HubProcess(folder / "data", **self.environment).start()
        self.admin: Api = bootstrap(self.hub)

    def worker(self, **options: str) -> CeleryProcess:
        """A worker that is not started yet."""
        return CeleryProcess(self._folder / "worker.log", self.environment, **options)

    def describe(self) -> str:
        """Register a base model; returns the id of the job that describes it."""
        self._made += 1
        body = {"id": f"tiny/bert-{self._made}", "config": CONFIG}
        job: str = self.admin("POST", "/base-models", json=body, expect=202)["job"]
        return job

    def child_of(self, job_id: str) -> int:
        """The process id that the running job's child reported."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            note = self.admin("GET", f"/jobs/{job_id}", expect=200)["progress_note"]
            if note.isdigit():
                return int(note)
            time.sleep(0.1)
        raise AssertionError(f"the child of {job_id} never reported")


@pytest.fixture
def cluster(tmp_path: Path, postgres: PostgresServer, breakable_redis: RedisServer) -> Iterator[Cluster]:
    """A hub on a database and a broker of its own."""
    with TcpProxy(breakable_redis.port) as proxy:
        made = Cluster(tmp_path, postgres.database(), breakable_redis, proxy)
        yield made
        made.hub.stop()


def test_a_worker_told_to_stop_gives_its_job_back_and_another_ends_it(cluster: Cluster) -> None:
    job_id = cluster.describe()
    with cluster.worker(application="tests.faults.slow_hub") as first:
        child = cluster.child_of(job_id)
        assert first.terminate() < 10
        assert not Path(f"/proc/{child}").exists()
    job = cluster.admin("GET", f"/jobs/{job_id}", expect=200)
    assert (job["state"], job["attempts"]) == ("queued", 0)
    began = time.monotonic()
    with cluster.worker():
        ended = cluster.admin.wait(job_id, seconds=30)
    assert (ended["state"], ended["attempts"]) == ("succeeded", 1)
    assert time.monotonic() - began < 30


def test_a_worker_killed_with_all_its_children_is_replaced(cluster: Cluster) -> None:
    job_id = cluster.describe()
    with cluster.worker(application="tests.faults.slow_hub") as first:
        cluster.child_of(job_id)
        first.kill()
    with cluster.worker():
        ended = cluster.admin.wait(job_id, seconds=63)
    assert (ended["state"], ended["attempts"]) == ("succeeded", 2)


def test_redis_killed_with_its_data_costs_no_job_and_is_used_again_when_it_is_back(cluster: Cluster) -> None:
    waiting = [cluster.describe() for _ in range(3)]
    cluster.redis.kill()
    cluster.redis.forget()
    began = time.monotonic()
    during = cluster.describe()
    assert time.monotonic() - began < 5
    cluster.redis.start()
    with cluster.worker():
        for job_id in [*waiting, during]:
            assert cluster.admin.wait(job_id, seconds=60)["state"] == "succeeded"
        cluster.redis.kill()
        cluster.redis.forget()
        while_away = cluster.describe()
        assert cluster.admin.wait(while_away, seconds=30)["state"] == "succeeded"
        cluster.redis.start()
        canary = cluster.describe()
        assert cluster.admin.wait(canary, seconds=30)["state"] == "succeeded"


def test_a_redis_that_takes_connections_and_never_answers_keeps_nobody_waiting(cluster: Cluster) -> None:
    with cluster.worker() as worker:
        assert cluster.admin.wait(cluster.describe(), seconds=60)["state"] == "succeeded"
        cluster.proxy.weather.is_black_hole = True
        began = time.monotonic()
        jobs = [cluster.describe()]
        assert time.monotonic() - began < 5
        # The first failure is remembered: nobody waits after it.
        began = time.monotonic()
        jobs += [cluster.describe() for _ in range(5)]
        assert time.monotonic() - began < 2
        for job_id in jobs:
            assert cluster.admin.wait(job_id, seconds=60)["state"] == "succeeded"
        assert worker.terminate() < 20


def test_a_worker_whose_clock_is_an_hour_wrong_holds_its_leases_like_any_other(cluster: Cluster) -> None:
    faketime = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
    if not os.path.exists(faketime):
        pytest.skip("needs Debian's faketime")
    fake = {"LD_PRELOAD": faketime, "FAKETIME": "+1h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    # Without this limit the worker would see that its clock is wrong, and claim nothing.
    skewed = cluster.environment | fake | {"HUB_CLOCK_SKEW_SECONDS": "0"}
    cluster.environment = skewed
    with cluster.worker(application="tests.faults.slow_hub"):
        job_id = cluster.describe()
        cluster.child_of(job_id)
        cluster.environment = skewed | {"FAKETIME": "-1h"}
        with cluster.worker():
            ended = cluster.admin.wait(job_id, seconds=60)
    assert (ended["state"], ended["attempts"]) == ("succeeded", 1)
