"""The proxy that the fault suite puts before its servers does what its orders say, and nothing without one."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.servers.tcp_proxy import TcpProxy


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that answers each message with the same bytes; the value is its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(client,), daemon=True).start()

    def answer(client: socket.socket) -> None:
        with client:
            while chunk := client.recv(1 << 16):
                client.sendall(chunk)

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


def ask(end: socket.socket, message: bytes) -> bytes:
    end.sendall(message)
    received = b""
    while len(received) < len(message):
        chunk = end.recv(1 << 16)
        if not chunk:
            break
        received += chunk
    return received


def until_it_breaks(end: socket.socket) -> bytes:
    """What arrives before the connection is reset or closed."""
    received = b""
    try:
        while chunk := end.recv(100):
            received += chunk
    except ConnectionError:
        pass
    return received


def test_without_orders_bytes_pass_both_ways(echo: int) -> None:
    with TcpProxy(echo) as proxy, socket.create_connection(("127.0.0.1", proxy.listens_on), timeout=5) as end:
        message = bytes(range(256)) * 2000
        assert ask(end, message) == message
        assert proxy.links == 1


def test_a_black_hole_answers_nothing_and_resets_nothing_until_it_ends(echo: int) -> None:
    with TcpProxy(echo) as proxy, socket.create_connection(("127.0.0.1", proxy.listens_on), timeout=5) as end:
        assert ask(end, b"before") == b"before"
        proxy.weather.is_black_hole = True
        end.settimeout(0.4)
        with pytest.raises(TimeoutError):
            ask(end, b"lost in time")
        proxy.weather.clear()
        end.settimeout(5)
        assert end.recv(100) == b"lost in time"


def test_a_refusing_proxy_resets_new_connections_and_keeps_old_ones(echo: int) -> None:
    with TcpProxy(echo) as proxy, socket.create_connection(("127.0.0.1", proxy.listens_on), timeout=5) as old:
        assert ask(old, b"one") == b"one"
        proxy.weather.is_refusing = True
        with (
            pytest.raises((ConnectionError, AssertionError)),
            socket.create_connection(("127.0.0.1", proxy.listens_on), timeout=5) as new,
        ):
            assert ask(new, b"two") == b"two"
        assert ask(old, b"three") == b"three"


def test_an_answer_is_cut_after_so_many_bytes_as_often_as_ordered(echo: int) -> None:
    with TcpProxy(echo) as proxy:
        proxy.weather.cut_after_bytes, proxy.weather.cuts = 10, 1
        with socket.create_connection(("127.0.0.1", proxy.listens_on), timeout=5) as first:
            first.sendall(b"x" * 100)
            received = until_it_breaks(first)
            assert len(received) <= 10
        with socket.create_connection(("127.0.0.1", proxy.listens_on), timeout=5) as second:
            assert ask(second, b"y" * 100) == b"y" * 100


def test_cutting_all_resets_what_is_open(echo: int) -> None:
    with TcpProxy(echo) as proxy, socket.create_connection(("127.0.0.1", proxy.listens_on), timeout=5) as end:
        assert ask(end, b"one") == b"one"
        proxy.cut_all()
        with pytest.raises((ConnectionError, AssertionError)):
            assert ask(end, b"two") == b"two"


def test_a_delay_makes_answers_late(echo: int) -> None:
    with TcpProxy(echo) as proxy, socket.create_connection(("127.0.0.1", proxy.listens_on), timeout=5) as end:
        proxy.weather.delay_seconds = 0.2
        began = time.monotonic()
        assert ask(end, b"late") == b"late"
        assert time.monotonic() - began >= 0.4
