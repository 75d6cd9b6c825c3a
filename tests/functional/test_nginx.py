"""deploy/nginx.conf in a real nginx: what it passes on, what it holds back, whom it asks again."""

import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from cluster.nginx import Nginx, why_not
from cluster.process import ServerFailedError

LIMIT = 64 << 10
# More than the kernel keeps for two connections.
LARGE = 64 << 20


@dataclass
class Upstream:
    """A web process that answers what it was asked, or hangs up without an answer."""

    hangs_up: bool = False
    seen: list[tuple[str, str, dict[str, str], int]] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)

    def __enter__(self) -> "Upstream":
        handler = type("Handler", (_Handler,), {"upstream": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def asked(self, method: str, path: str) -> list[dict[str, str]]:
        """The headers of each such request, names in lower case."""
        return [headers for seen, target, headers, _ in list(self.seen) if (seen, target) == (method, path)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: Upstream

    def log_message(self, format: str, *values: object) -> None:
        """The record is enough."""

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.upstream.seen.append((self.command, self.path, headers, len(body)))
        if self.upstream.hangs_up and self.path != "/healthz":
            self.close_connection = True
            return
        answer = b"y" * (LARGE if self.path == "/large" else 2)
        status, answer = (206, b"x" * 10) if "range" in headers else (200, answer)
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)
        self.upstream.answered.append(self.path)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = handle_one  # noqa: N815


@dataclass
class Front:
    """nginx before two web processes."""

    nginx: Nginx
    first: Upstream
    second: Upstream

    def asked(self, method: str, path: str) -> int:
        """How often such a request has reached a web process."""
        return len(self.first.asked(method, path)) + len(self.second.asked(method, path))

    def send(self, text: str) -> socket.socket:
        """A connection on which this was sent so far."""
        connection = socket.create_connection(("127.0.0.1", self.nginx.port), timeout=10)
        connection.sendall(text.encode())
        return connection


@pytest.fixture(scope="module")
def running() -> Iterator[Front]:
    if reason := why_not():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="nginx-") as folder, Upstream() as first, Upstream() as second:
        nginx = Nginx(Path(folder), [first.port, second.port], max_body=str(LIMIT))
        with nginx:
            yield Front(nginx, first, second)


@pytest.fixture
def front(running: Front) -> Iterator[Front]:
    """Both web processes are well, and asked in turn."""
    yield running
    running.first.hangs_up = running.second.hangs_up = False
    time.sleep(3.1)  # fail_timeout, in whole seconds


def test_a_configuration_that_nginx_refuses_is_never_started(tmp_path: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    with pytest.raises(ServerFailedError, match="client_max_body_size"):
        Nginx(tmp_path, [1], max_body="much").start()


def test_the_hub_hears_of_the_host_the_caller_and_one_request_id(running: Front) -> None:
    url = f"{running.nginx.url}/who"
    httpx.get(url, headers={"Host": "hub.example.org", "X-Request-ID": "build-4711", "X-Forwarded-For": "10.9.9.9"})
    httpx.get(url, headers={"X-Request-ID": "not a plain word", "X-Forwarded-Proto": "https"})
    kept, made = sorted(
        running.first.asked("GET", "/who") + running.second.asked("GET", "/who"),
        key=lambda headers: headers["host"] != "hub.example.org",
    )
    assert kept["host"] == "hub.example.org"
    assert kept["x-request-id"] == "build-4711"
    assert kept["x-forwarded-for"] == "10.9.9.9, 127.0.0.1"
    assert len(made["x-request-id"]) == 32
    assert made["x-forwarded-proto"] == "http"


def test_the_log_has_the_request_id_and_no_query(running: Front) -> None:
    httpx.get(f"{running.nginx.url}/path?signature=secret", headers={"X-Request-ID": "look-for-me"})
    assert eventually(lambda: "look-for-me" in running.nginx.access_log.read_text())
    line = next(line for line in running.nginx.access_log.read_text().splitlines() if "look-for-me" in line)
    assert '"GET /path" 200' in line
    assert "secret" not in line


def test_figures_are_not_for_the_world(running: Front) -> None:
    assert httpx.get(f"{running.nginx.url}/metrics").status_code == 404
    assert running.asked("GET", "/metrics") == 0


@pytest.mark.parametrize(("method", "times"), [("GET", 2), ("HEAD", 2), ("POST", 1), ("PATCH", 1)])
def test_a_web_process_that_hangs_up_is_replaced_only_where_a_request_may_be_sent_twice(
    front: Front, method: str, times: int
) -> None:
    front.first.hangs_up = front.second.hangs_up = True
    path = f"/twice/{method}"
    answer = httpx.request(method, f"{front.nginx.url}{path}")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
    assert method == "HEAD" or answer.json()["code"] == "busy"
    assert front.asked(method, path) == times


def test_no_get_fails_while_one_web_process_hangs_up(front: Front) -> None:
    front.second.hangs_up = True
    assert {httpx.get(f"{front.nginx.url}/steady").status_code for _ in range(20)} == {200}
    assert front.second.asked("GET", "/steady"), "the one that hangs up was never asked"


def test_connections_to_the_web_processes_are_kept(running: Front) -> None:
    httpx.get(f"{running.nginx.url}/kept")
    (headers,) = running.first.asked("GET", "/kept") + running.second.asked("GET", "/kept")
    assert "connection" not in headers


def test_a_body_of_the_limit_passes_and_a_larger_one_gets_the_hubs_own_words(running: Front) -> None:
    url = f"{running.nginx.url}/body"
    assert httpx.put(url, content=b"x" * LIMIT).status_code == 200
    refused = httpx.put(url, content=b"x" * (LIMIT + 1))
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
    assert running.asked("PUT", "/body") == 1


def test_ranges_pass(running: Front) -> None:
    answer = httpx.get(f"{running.nginx.url}/range", headers={"Range": "bytes=0-9"})
    assert (answer.status_code, answer.content) == (206, b"x" * 10)


def test_a_request_whose_body_is_still_coming_is_not_told_to_the_hub(running: Front) -> None:
    with running.send("PUT /slow HTTP/1.1\r\nHost: hub\r\nContent-Length: 8\r\n\r\nhalf") as connection:
        time.sleep(0.5)
        assert running.asked("PUT", "/slow") == 0
        connection.sendall(b"more")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert running.asked("PUT", "/slow") == 1


def test_a_large_answer_has_left_the_web_process_before_a_slow_client_takes_it(running: Front) -> None:
    with running.send("GET /large HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n") as connection:
        assert eventually(lambda: "/large" in running.first.answered + running.second.answered)
        received = 0
        while chunk := connection.recv(1 << 20):
            received += len(chunk)
    assert received > LARGE


def eventually(holds: Callable[[], object], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False
