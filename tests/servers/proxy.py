"""An HTTP proxy that misbehaves on order: answers for the server, cuts bodies, loses answers. It keeps a record."""

import http.client
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from urllib.parse import urlsplit

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "expect", "proxy-connection", "te", "trailer"}
)


@dataclass
class Fault:
    """What happens to the next ``times`` requests of ``method`` whose path or query holds ``where``.

    One of: ``status`` with ``body`` (answered here, the server never sees the request), ``cut_after`` (bytes of the
    body that are let through before the connection breaks), ``loses_answer`` (the server does it, nobody hears of it);
    or nothing but ``delay_seconds``, which may go with each of them.
    """

    method: str
    where: str = ""
    times: int = 1_000_000
    status: int = 0
    body: bytes = b""
    delay_seconds: float = 0.0
    cut_after: int | None = None
    loses_answer: bool = False

    def takes(self, method: str, target: str) -> bool:
        """Whether this request is meant; if so it counts."""
        if self.method != method or self.where not in target or self.times <= 0:
            return False
        self.times -= 1
        return True


@dataclass
class FaultyProxy:
    """Listens on a free port and passes everything on to ``upstream``, but for the ``faults``."""

    upstream: str
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)

    def __enter__(self) -> "FaultyProxy":
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where to send requests instead of to the server."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def count(self, method: str, where: str = "") -> int:
        """How many requests of this method, with this in path or query, have come."""
        return sum(1 for asked, target in list(self.seen) if asked == method and where in target)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultyProxy

    def log_message(self, format: str, *values: object) -> None:
        """The record of the proxy is enough."""

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.proxy.seen.append((self.command, self.path))
        fault = next((fault for fault in self.proxy.faults if fault.takes(self.command, self.path)), None)
        if fault and fault.delay_seconds:
            time.sleep(fault.delay_seconds)
        if fault and fault.status:
            self._answer(fault.status, [("Content-Length", str(len(fault.body)))], fault.body)
            return
        status, headers, answer = self._ask_upstream(body)
        if fault and fault.loses_answer:
            self.close_connection = True
            return
        if fault and fault.cut_after is not None:
            answer = answer[: fault.cut_after]
            self.close_connection = True
        self._answer(status, headers, answer)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_one  # noqa: N815

    def _ask_upstream(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        target = urlsplit(self.proxy.upstream)
        connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=60)
        # The Host header is signed: it stays the proxy's.
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                connection.putheader(name, value)
        connection.endheaders(body)
        try:
            answer = connection.getresponse()
            content = answer.read()
            headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP]
        finally:
            connection.close()
        if not any(name.lower() == "content-length" for name, _ in headers):
            headers.append(("Content-Length", str(len(content))))
        return answer.status, headers, content

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
