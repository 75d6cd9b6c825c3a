"""A TCP proxy that misbehaves on order, before PostgreSQL, Redis or anything else: refuses, hangs, cuts, delays."""

import selectors
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType

_CHUNK_BYTES = 64 << 10
_TICK_SECONDS = 0.05


@dataclass
class Weather:
    """What the proxy does at this moment; change the fields while it runs.

    ``is_refusing``: new connections are reset. ``is_black_hole``: connections are taken and nothing passes in either
    direction, without a reset. ``delay_seconds``: each chunk waits that long. ``cut_after_bytes``: a connection is
    reset once that many bytes of answers have passed, for the next ``cuts`` connections.
    """

    is_refusing: bool = False
    is_black_hole: bool = False
    delay_seconds: float = 0.0
    cut_after_bytes: int | None = None
    cuts: int = 0

    def clear(self) -> None:
        """Fair weather again."""
        self.is_refusing = self.is_black_hole = False
        self.delay_seconds, self.cut_after_bytes, self.cuts = 0.0, None, 0


@dataclass
class TcpProxy:
    """Listens on a free port of this machine and passes on to ``port``; stops with its ``with`` block."""

    port: int
    host: str = "127.0.0.1"
    weather: Weather = field(default_factory=Weather)

    def __enter__(self) -> "TcpProxy":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_TICK_SECONDS)
        self._links: set[_Link] = set()
        self._is_stopped = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_stopped.set()
        self._listener.close()
        self.cut_all()

    @property
    def listens_on(self) -> int:
        """The port to connect to instead of the server's own."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def links(self) -> int:
        """How many connections are open at this moment."""
        return len(self._links)

    def cut_all(self) -> None:
        """Reset every open connection, as a router that restarts would."""
        for link in list(self._links):
            link.reset()

    def _accept(self) -> None:
        while not self._is_stopped.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            if self.weather.is_refusing:
                _reset(client)
                continue
            link = _Link(self, client)
            self._links.add(link)
            threading.Thread(target=link.carry, daemon=True).start()


class _Link:
    """One client's connection and the one that it stands for."""

    def __init__(self, proxy: TcpProxy, client: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server: socket.socket | None = None
        self._answered_bytes = 0

    def carry(self) -> None:
        """Pass bytes on in both directions until one side ends, or the weather does."""
        try:
            self._wait_out_the_black_hole()
            self._server = socket.create_connection((self._proxy.host, self._proxy.port), timeout=5)
            self._server.settimeout(None)
            with selectors.DefaultSelector() as selector:
                selector.register(self._client, selectors.EVENT_READ, self._server)
                selector.register(self._server, selectors.EVENT_READ, self._client)
                while self._pass_on(selector):
                    pass
        except (OSError, ValueError):
            pass
        finally:
            self.reset()

    def reset(self) -> None:
        """End both halves with RST."""
        self._proxy._links.discard(self)
        for end in (self._client, self._server):
            if end is not None:
                _reset(end)

    def _pass_on(self, selector: selectors.BaseSelector) -> bool:
        for key, _ in selector.select(_TICK_SECONDS):
            source, target = key.fileobj, key.data
            assert isinstance(source, socket.socket)
            self._wait_out_the_black_hole()
            chunk = source.recv(_CHUNK_BYTES)
            if not chunk:
                return False
            time.sleep(self._proxy.weather.delay_seconds)
            if source is self._server and not self._may_answer(target, chunk):
                return False
            if source is self._client:
                target.sendall(chunk)
        return not self._proxy._is_stopped.is_set()

    def _may_answer(self, target: socket.socket, chunk: bytes) -> bool:
        weather = self._proxy.weather
        if weather.cut_after_bytes is None or weather.cuts <= 0:
            target.sendall(chunk)
            return True
        left = weather.cut_after_bytes - self._answered_bytes
        target.sendall(chunk[: max(left, 0)])
        self._answered_bytes += len(chunk)
        if len(chunk) <= left:
            return True
        weather.cuts -= 1
        return False

    def _wait_out_the_black_hole(self) -> None:
        while self._proxy.weather.is_black_hole and not self._proxy._is_stopped.is_set():
            time.sleep(_TICK_SECONDS)


def _reset(end: socket.socket) -> None:
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    finally:
        end.close()
