"""Behind nginx: web processes are replaced one after the other under load, and slow clients hold nobody up."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.faults.load import Load, get_adapters, quantile
from tests.faults.people import People
from tests.faults.topology import Topology, wait_until
from tests.faults.witness import assert_done_once, wait_until_ended
from tests.functional.hub_process import Api

SLOW_CLIENTS = 50
BYTES_A_SECOND = 2_000


@pytest.mark.faults_full
@pytest.mark.fault("rolling restart")
def test_while_web_processes_are_replaced_one_by_one_no_request_fails(hub: Topology, people: People) -> None:
    api = people.api(people.author, hub.url)
    pushed: list[httpx.Response] = []

    def push(_: int) -> httpx.Response:
        pushed.append(people.try_push(people.fresh_name("deploy"), api=api))
        return pushed[-1]

    with (
        Load(get_adapters(api), threads=3, pause_seconds=0.01) as reading,
        Load(push, threads=1, pause_seconds=0.1) as pushing,
    ):
        time.sleep(1)
        for web in hub.webs:
            ended = web.stop()
            assert ended.startswith("stopped in"), f"{web.name}: {ended}"
            web.start()
            # Longer than nginx passes over a process that was away.
            time.sleep(3)
    assert len(reading.answers) > 50
    assert set(reading.statuses) == {200}, failures(reading)
    assert set(pushing.statuses) == {202}, failures(pushing)
    wait_until(hub.is_idle, seconds=120, what=lambda: f"jobs are left: {hub.unfinished_jobs()}")


@pytest.mark.faults_full
@pytest.mark.fault("rolling restart")
def test_a_worker_told_to_stop_gives_its_job_back_at_once(hub: Topology, people: People) -> None:
    pushes = people.push_many(6, "rolling")
    for worker in hub.workers:
        assert worker.stop().startswith("stopped in")
        worker.start()
    wait_until_ended(hub, pushes, seconds=120)
    assert_done_once(hub, pushes, most_attempts=1)


def failures(load: Load) -> list[Any]:
    """The first answers that were no good ones."""
    return [answer for answer in load.answers if answer.status not in (200, 202)][:3]


@pytest.mark.faults_full
@pytest.mark.fault("slow clients")
def test_fifty_slow_downloads_leave_the_api_as_quick_as_it_was(hub: Topology, people: People) -> None:
    push = people.push(people.fresh_name("slowly"))
    wait_until_ended(hub, [push], seconds=60)
    path = f"/api/v1/adapters/{push.name}/files/1.0.0/adapter_model.safetensors"
    api = people.api(people.author, hub.url)
    with Load(get_adapters(api), threads=2) as idle:
        time.sleep(10)
    with slow_downloads(api, path) as arrived, Load(get_adapters(api), threads=2) as busy:
        time.sleep(10)
    assert sum(count > 0 for count in arrived) == SLOW_CLIENTS, "every slow client is being served"
    assert max(arrived) < len(push.files["adapter_model.safetensors"]), "and none of them has finished"
    assert set(busy.statuses) == {200}
    assert quantile(busy.answers, 0.95) <= 2 * max(quantile(idle.answers, 0.95), 0.05)


@pytest.mark.faults_full
@pytest.mark.fault("slow clients")
def test_fifty_clients_that_send_their_headers_slowly_leave_the_api_free(hub: Topology, people: People) -> None:
    api = people.api(people.author, hub.url)
    url = urlsplit(hub.url)
    with ExitStack() as stack:
        for _ in range(SLOW_CLIENTS):
            connection = stack.enter_context(socket.create_connection((url.hostname or "", url.port or 80), timeout=30))
            connection.sendall(b"GET /api/v1/adapters HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        with Load(get_adapters(api), threads=2) as busy:
            time.sleep(3)
    assert len(busy.answers) > 5
    assert set(busy.statuses) == {200}


@contextmanager
def slow_downloads(api: Api, path: str) -> Iterator[list[int]]:
    """Fifty clients that take a little of the file now and then; yields how many bytes each has."""
    arrived = [0] * SLOW_CLIENTS
    stopped = threading.Event()
    url = urlsplit(str(api.client.base_url))

    def download(number: int) -> None:
        with socket.socket() as connection:
            # A small window: what the kernel would take for the client must stay with the server.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(30)
            connection.connect((url.hostname or "", url.port or 80))
            head = f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {api.token}\r\n\r\n"
            connection.sendall(head.encode())
            while not stopped.wait(0.5):
                arrived[number] += len(connection.recv(BYTES_A_SECOND // 2))

    threads = [threading.Thread(target=download, args=(number,)) for number in range(SLOW_CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: all(arrived), seconds=60, what="not every slow client was served")
        yield arrived
    finally:
        stopped.set()
        for thread in threads:
            thread.join(60)
