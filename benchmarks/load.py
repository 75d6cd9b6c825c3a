"""A load generator in a process of its own: keep-alive connections that ask one request after the other.

It is one thread over raw sockets, so that it takes little of a machine that it shares with the server. Standard input
gives a JSON object (host, port, connections, seconds, requests: texts to be sent in turn); standard output gets one.
"""

import json
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

_WARMING_SECONDS = 1.0
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Load:
    """What was answered in the measured time, after the warming: latencies in seconds, and a count by status."""

    requests: int
    seconds: float
    p50: float
    p99: float
    slowest: float
    statuses: dict[str, int]
    bytes_in: int
    own_cpu_seconds: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds


class _Connection:
    """One keep-alive connection and the answer that it waits for."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.connect()

    def connect(self) -> None:
        self.socket = socket.create_connection(self.address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()

    def ask(self, request: bytes) -> None:
        self.buffer.clear()
        self.started = time.perf_counter()
        self.socket.sendall(request)

    def answer(self) -> tuple[str, int, bool] | None:
        """Status, size and whether the server closes, once the whole answer is here; "cut" for a lost connection."""
        piece = self.socket.recv(1 << 18)
        self.buffer += piece
        if not piece:
            return ("cut", len(self.buffer), True)
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self.buffer[:end]).lower()
        length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
        if len(self.buffer) < end + 4 + int(length or 0):
            return None
        return head[9:12].decode(), len(self.buffer), b"\r\nconnection: close" in head


def generate(
    host: str, port: int, connections: int, seconds: float, requests: list[str], warming: float = _WARMING_SECONDS
) -> Load:
    """Send ``requests`` over and over, ``connections`` at a time."""
    texts = [text.encode() for text in requests]
    lines = [_Connection((host, port)) for _ in range(connections)]
    waiting = selectors.DefaultSelector()
    number, sizes, latencies, statuses = 0, 0, list[float](), Counter[str]()
    for line in lines:
        waiting.register(line.socket, selectors.EVENT_READ, line)
        line.ask(texts[number % len(texts)])
        number += 1
    begin = time.perf_counter() + warming
    end, cpu = begin + seconds, time.process_time()
    while (now := time.perf_counter()) < end:
        ready = waiting.select(timeout=_PATIENCE_SECONDS)
        if not ready:
            raise TimeoutError(f"no answer for {_PATIENCE_SECONDS:.0f} s")
        for key, _ in ready:
            line = key.data
            found = line.answer()
            if found is None:
                continue
            now = time.perf_counter()
            if line.started >= begin:
                latencies.append(now - line.started)
                statuses[found[0]] += 1
                sizes += found[1]
            if found[2]:
                waiting.unregister(line.socket)
                line.socket.close()
                line.connect()
                waiting.register(line.socket, selectors.EVENT_READ, line)
            line.ask(texts[number % len(texts)])
            number += 1
    latencies.sort()
    p50, p99 = (latencies[int(len(latencies) * part)] for part in (0.5, 0.99))
    spent = time.process_time() - cpu
    return Load(len(latencies), seconds, p50, p99, latencies[-1], dict(statuses), sizes, spent)


def load(host: str, port: int, requests: list[str], *, connections: int = 16, seconds: float = 8) -> Load:
    """The same in a process of its own. Raises AssertionError unless every answer was good."""
    order = {"host": host, "port": port, "connections": connections, "seconds": seconds, "requests": requests}
    command = [sys.executable, "-m", "benchmarks.load"]
    patience = seconds + _WARMING_SECONDS + 2 * _PATIENCE_SECONDS
    answer = subprocess.run(
        command, input=json.dumps(order), capture_output=True, text=True, check=False, timeout=patience
    )
    if answer.returncode:
        raise AssertionError(answer.stderr[-2000:])
    found: dict[str, Any] = json.loads(answer.stdout)
    bad = {status: count for status, count in found["statuses"].items() if status[0] not in "23"}
    assert not bad, f"{requests[0][:200]!r} was answered by {found['statuses']}"
    return Load(**found)


def get(path: str, *, token: str = "", host: str = "127.0.0.1") -> str:
    """One GET as text."""
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n{bearer}\r\n"


def post(path: str, body: dict[str, Any], *, host: str = "127.0.0.1") -> str:
    """One POST of JSON as text."""
    text = json.dumps(body)
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(text)}\r\n\r\n{text}"


if __name__ == "__main__":
    print(json.dumps(asdict(generate(**json.load(sys.stdin)))))
