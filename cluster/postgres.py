"""PostgreSQL on loopback, as an unprivileged account: it refuses to run as root."""

import os
import pwd
import secrets
import signal
import subprocess
from collections.abc import Mapping, Sequence
from glob import glob
from itertools import count
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql

from cluster.binaries import MissingProgramError, find_program
from cluster.ports import free_port
from cluster.process import Server, ServerFailedError, run

ROLE = "hub"
_SUPERUSER = _ACCOUNT = "postgres"
_numbers = count(1)


class Postgres(Server):
    """One server. Databases belong to a role that is no superuser; they and the port outlive stop, kill and restart.

    The folder must be traversable by others when root runs this.
    """

    # SIGTERM would wait for every client to leave; SIGINT disconnects them and shuts down cleanly.
    stop_signal = signal.SIGINT

    def __init__(self, folder: Path, *, port: int = 0, settings: Mapping[str, str] | None = None) -> None:
        super().__init__("postgres", folder)
        self.port = port or free_port()
        self.password = secrets.token_urlsafe(24)
        self.settings = dict(settings or {})
        """Lines of postgresql.conf, for example ``{"fsync": "off", "max_connections": "20"}``."""
        self.user = _ACCOUNT if os.geteuid() == 0 else None

    def url(self, database: str = ROLE, *, port: int = 0) -> str:
        """A DATABASE_URL of this server, or of a proxy that listens on ``port``."""
        return f"postgres://{ROLE}:{self.password}@127.0.0.1:{port or self.port}/{database}"

    def database(self, name: str = "") -> str:
        """Make an empty database and return its DATABASE_URL; without a name, one that nobody else has."""
        name = name or f"hub_{os.getpid()}_{next(_numbers)}"
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        self.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(ROLE)))
        return self.url(name)

    def execute(self, statement: str | sql.Composable, *, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement as the superuser and return its rows, if it has any."""
        text: Any = statement.encode() if isinstance(statement, str) else statement
        url = f"postgres://{_SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{database}"
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(text)
            return cursor.fetchall() if cursor.description else []

    def command(self) -> Sequence[str]:
        """``postgres`` on the data folder."""
        return [_program("postgres"), "-D", str(self._data)]

    def prepare(self) -> None:
        """initdb at the first start; the configuration at each."""
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        lines = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
        } | self.settings
        text = "".join(f"{name} = '{value}'\n" for name, value in lines.items())
        (self._data / "postgresql.auto.conf").write_text(text)

    def start(self) -> Self:
        """Start, wait until it answers, and make the hub's role if it is missing."""
        super().start()
        if not self.execute(sql.SQL("SELECT 1 FROM pg_roles WHERE rolname = {}").format(sql.Literal(ROLE))):
            # Tests make databases of their own.
            statement = sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}")
            self.execute(statement.format(sql.Identifier(ROLE), sql.Literal(self.password)))
        return self

    def stop(self, mode: str = "fast") -> str:
        """End it as ``pg_ctl stop -m smart | fast | immediate`` does."""
        self.stop_signal = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode]
        return super().stop()

    def is_ready(self) -> bool:
        """Whether it takes a connection now."""
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _initialise(self) -> None:
        self._require_passage()
        password_file = self.folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        if self.user:
            for path in (self.folder, password_file):
                os.chown(path, pwd.getpwnam(self.user).pw_uid, -1)
        command = [
            _program("initdb"), "--pgdata", str(self._data), "--username", _SUPERUSER, "--pwfile", str(password_file),
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync",
        ]  # fmt: skip
        run(command, environment={}, user=self.user)
        password_file.unlink()

    def _require_passage(self) -> None:
        if reason := why_not():
            raise MissingProgramError(reason)
        if not self.user:
            return
        enters = subprocess.run(["test", "-x", str(self.folder)], user=self.user, group=self.user, extra_groups=[])
        if enters.returncode:
            raise ServerFailedError(
                f"PostgreSQL refuses to run as root, and the account {_ACCOUNT} cannot enter {self.folder}: "
                "choose a folder that others may pass through."
            )


def why_not() -> str:
    """Why PostgreSQL cannot run here, or an empty string."""
    try:
        _program("initdb")
        if os.geteuid() == 0:
            pwd.getpwnam(_ACCOUNT)
    except MissingProgramError as error:
        return str(error)
    except KeyError:
        return f"PostgreSQL refuses to run as root, and there is no account {_ACCOUNT}: install postgresql."
    return ""


def _program(name: str) -> str:
    """Debian keeps the server's programs out of PATH, by version; the newest is taken."""
    folders = sorted(glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]), reverse=True)
    return find_program(name, package="postgresql", folders=tuple(folders))
