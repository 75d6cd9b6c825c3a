"""A real PostgreSQL server for tests, on a free port of this machine; it can be stopped, killed and started again."""

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.servers.ports import free_port

USER = "hub"
_UNPRIVILEGED = "postgres"
_START_SECONDS = 30
# Nothing here must survive the loss of the machine, only the loss of the process.
_CONFIGURATION = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
full_page_writes = off
shared_buffers = 128MB
jit = off
log_min_messages = warning
"""
_numbers = count(1)


class PostgresServer:
    """One cluster in ``folder``. Databases and port stay the same over stop, kill and restart.

    Usable outside pytest: ``with PostgresServer(folder) as server: server.database("hub")``. The folder must be
    traversable by others when root runs this, as PostgreSQL refuses to run as root.
    """

    def __init__(self, folder: Path, *, max_connections: int = 100, **settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self._data = folder / "data"
        self._settings = {"max_connections": str(max_connections), "superuser_reserved_connections": "3", **settings}
        self._as: Any = {"user": _UNPRIVILEGED, "group": _UNPRIVILEGED, "extra_groups": []} if os.geteuid() == 0 else {}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PostgresServer":
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def url(self, database: str = "postgres", *, port: int | None = None) -> str:
        """A DATABASE_URL of this server, or of a proxy that listens on ``port``."""
        return f"postgres://{USER}@127.0.0.1:{port or self.port}/{database}"

    def database(self, name: str = "") -> str:
        """Make an empty database and return its DATABASE_URL; without a name, one that nobody else has."""
        name = name or f"hub_{os.getpid()}_{next(_numbers)}"
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        self.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def execute(self, statement: str | sql.Composable, *, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement as the superuser and return its rows, if it has any."""
        text: Any = statement.encode() if isinstance(statement, str) else statement
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(text)
            return cursor.fetchall() if cursor.description else []

    def start(self) -> "PostgresServer":
        """Start, for the first time or again, and wait until it answers."""
        if not self._data.exists():
            self._make()
        with (self.folder / "postgres.log").open("ab") as log:
            command = [_binary("postgres"), "-D", str(self._data), "-p", str(self.port)]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True, **self._as
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"PostgreSQL did not start:\n{self.log()[-3000:]}")
            time.sleep(0.02)
        return self

    def stop(self, mode: str = "fast") -> None:
        """End it as ``pg_ctl stop -m smart | fast | immediate`` does; nothing happens where it does not run."""
        order = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode]
        if self._process and self._process.poll() is None:
            self._process.send_signal(order)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """SIGKILL the server and every process of its connections, as a power cut would."""
        if self._process and self._process.poll() is None:
            # Each is the leader of a group of its own, and one that lives on would keep the data locked.
            processes = [self._process.pid, *_children(self._process.pid)]
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            self._process.wait(10)

    def restart(self, mode: str = "fast") -> "PostgresServer":
        """Stop and start."""
        self.stop(mode)
        return self.start()

    def is_ready(self) -> bool:
        """Whether it takes a connection now."""
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def log(self) -> str:
        """Everything the server has logged."""
        return (self.folder / "postgres.log").read_text(errors="replace")

    def _make(self) -> None:
        if self._as:
            account = pwd.getpwnam(_UNPRIVILEGED)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        command = [_binary("initdb"), "-D", str(self._data), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale"]
        made = subprocess.run([*command, "--no-sync"], capture_output=True, text=True, cwd="/", **self._as)
        if made.returncode:
            raise AssertionError(f"initdb failed:\n{made.stdout}{made.stderr}")
        extra = "".join(f"{name} = '{value}'\n" for name, value in self._settings.items())
        with (self._data / "postgresql.conf").open("a") as sink:
            sink.write(_CONFIGURATION + extra)


def _children(process: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _binary(name: str) -> str:
    """The newest installed binary: Debian keeps them off the PATH."""
    versions = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda path: int(path.split("/")[4]))
    return versions[-1] if versions else shutil.which(name) or ""


def why_not() -> str:
    """Why PostgreSQL cannot run here, or an empty string."""
    if not (_binary("postgres") and _binary("initdb")):
        return "needs PostgreSQL: apt-get install postgresql"
    if os.geteuid() == 0:
        try:
            pwd.getpwnam(_UNPRIVILEGED)
        except KeyError:
            return "needs a user named postgres, as PostgreSQL refuses to run as root: apt-get install postgresql"
    return ""


def make_folder() -> Path:
    """A folder that an unprivileged server can reach: pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    folder.chmod(0o755)
    return folder


def run_server(**options: object) -> Iterator[PostgresServer]:
    """A server of one's own, for as long as the caller wants: the body of every fixture that needs one."""
    if reason := why_not():
        pytest.skip(reason)
    folder = make_folder()
    try:
        server = PostgresServer(folder, **options)  # type: ignore[arg-type]
        try:
            yield server.start()
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for the whole session: take a database of your own, and leave the server running."""
    yield from run_server()


@pytest.fixture
def breakable_postgres() -> Iterator[PostgresServer]:
    """A server for one test, which may stop it, kill it and start it again."""
    yield from run_server(max_connections=20)
