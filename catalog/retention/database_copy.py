"""One consistent copy of the database together with the blobs it refers to, and the way back.

PostgreSQL: ``pg_dump`` in an exported snapshot, in which the list of blobs is read too. SQLite: its online backup, that
readers and writers do not notice; the list is read from the copy.
"""

import glob
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

from django.db import connection, connections, transaction

from catalog.adapters.models import Blob
from catalog.retention.backup_folder import BackupError
from catalog.retention.referring import referring

_SSL = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY"}


def dump_database(folder: Path) -> Path:
    """Write the database and ``blobs.txt`` into ``folder``. Returns the path of the copy.

    Raises:
        BackupError: with what the database's own tool said.
    """
    if connection.vendor == "postgresql":
        return _dump_postgres(folder)
    return _dump_sqlite(folder)


def load_database(copy: Path) -> None:
    """Put the copy in the place of everything in the database. What was there is gone even where this fails.

    Raises:
        BackupError: with what the database's own tool said.
    """
    connections.close_all()
    if connection.vendor == "postgresql":
        _load_postgres(copy)
    else:
        _load_sqlite(copy)


def _dump_sqlite(folder: Path) -> Path:
    copy = folder / "database.sqlite3"
    with closing(_opened(Path(_name()))) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")
        _write_list(folder, target.execute(_referenced()))
    copy.chmod(0o600)
    return copy


def _load_sqlite(copy: Path) -> None:
    with closing(_opened(copy)) as source, closing(sqlite3.connect(_name(), timeout=20)) as target:
        source.backup(target)


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=20)


def _dump_postgres(folder: Path) -> Path:
    copy = folder / "database.dump"
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SELECT pg_export_snapshot()")
        snapshot = cursor.fetchone()[0]
        cursor.execute(_referenced())
        _write_list(folder, cursor)
        options = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={copy}"]
        _run("pg_dump", [*options, "--dbname", _name()])
    copy.chmod(0o600)
    return copy


def _load_postgres(copy: Path) -> None:
    _run("pg_restore", ["--list", str(copy)])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    connection.close()
    options = ["--no-owner", "--no-privileges", "--no-comments", "--single-transaction", "--exit-on-error"]
    _run("pg_restore", [*options, "--dbname", _name(), str(copy)])


def _referenced() -> str:
    """The query for digest and size of every blob that some row needs, whichever table the row is in."""
    columns = sorted((model._meta.db_table, field.column) for model, field in referring(Blob))
    needed = " UNION ".join(f'SELECT "{column}" FROM "{table}"' for table, column in columns)
    return f"SELECT sha256, size_bytes FROM adapters_blob WHERE sha256 IN ({needed})"


def _write_list(folder: Path, rows: Any) -> None:
    with (folder / "blobs.txt").open("w") as sink:
        for digest, size_bytes in rows:
            sink.write(f"{digest} {size_bytes}\n")


def _name() -> str:
    return str(connection.settings_dict["NAME"])


def _run(program: str, arguments: list[str]) -> None:
    """Run one of PostgreSQL's tools; the password travels in its environment, never on a command line."""
    given = connection.settings_dict
    environment = {"PGHOST": given["HOST"], "PGPORT": given["PORT"], "PGUSER": given["USER"]}
    environment["PGPASSWORD"] = given["PASSWORD"]
    environment |= {_SSL[name]: str(value) for name, value in given["OPTIONS"].items() if name in _SSL}
    known = {name: str(value) for name, value in environment.items() if value}
    command = [_binary(program), "--no-password", *arguments]
    done = subprocess.run(command, env={**os.environ, **known}, capture_output=True, text=True)
    if done.returncode:
        raise BackupError(f"{program} failed: {done.stderr.strip()[-1500:]}")


def _binary(program: str) -> str:
    """The newest one of this machine: Debian keeps them off the PATH, one folder for each version."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{program}"), key=lambda path: int(path.split("/")[4]))
    return found[-1] if found else shutil.which(program) or program
