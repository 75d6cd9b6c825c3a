"""Redis on loopback, with a password and, unless told otherwise, an append-only file."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import redis as library
from redis.backoff import NoBackoff
from redis.retry import Retry

from cluster.binaries import MissingProgramError, find_program
from cluster.ports import free_port
from cluster.process import Server


class Redis(Server):
    """The broker. It keeps its port over stop, kill and restart; its data only where ``keeps_data``."""

    def __init__(self, folder: Path, *, port: int = 0, keeps_data: bool = True, password: str = "") -> None:
        super().__init__("redis", folder)
        self.port = port or free_port()
        self.password = password
        self.keeps_data = keeps_data

    def url(self, database: int = 0, *, port: int = 0) -> str:
        """A HUB_BROKER_URL of this server, or of a proxy that listens on ``port``."""
        secret = f":{self.password}@" if self.password else ""
        return f"redis://{secret}127.0.0.1:{port or self.port}/{database}"

    def client(self, database: int = 0) -> library.Redis:
        """A bare client that tries once, for looking behind the hub's back."""
        once = Retry(NoBackoff(), 0)
        return library.Redis.from_url(self.url(database), socket_timeout=5, retry=once, decode_responses=True)

    def command(self) -> Sequence[str]:
        """``redis-server`` with a configuration file: a password on the command line would be seen by all."""
        return [_program(), str(self.folder / "redis.conf")]

    def prepare(self) -> None:
        """Write the configuration."""
        lines = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.folder.resolve()),
            "appendonly": "yes" if self.keeps_data else "no",
            "save": '""',
            # A broker that drops messages when memory runs out would lose them in silence.
            "maxmemory-policy": "noeviction",
        } | ({"requirepass": self.password} if self.password else {})
        configuration = self.folder / "redis.conf"
        configuration.touch(mode=0o600)
        configuration.write_text("".join(f"{name} {value}\n" for name, value in lines.items()))

    def forget(self) -> None:
        """Delete what a stopped server had written, as the loss of its disk would."""
        shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)
        (self.folder / "dump.rdb").unlink(missing_ok=True)

    def is_ready(self) -> bool:
        """Whether it answers now."""
        try:
            with self.client() as client:
                return bool(client.ping())
        except library.RedisError:
            return False


def why_not() -> str:
    """Why Redis cannot run here, or an empty string."""
    try:
        _program()
    except MissingProgramError as error:
        return str(error)
    return ""


def _program() -> str:
    return find_program("redis-server", package="redis-server")
