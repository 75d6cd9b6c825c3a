"""The hub as a team runs it: PostgreSQL filled with adapters, and gunicorn with two workers of eight threads."""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks import service_data
from cluster.ports import free_port
from cluster.postgres import Postgres

REPOSITORY = Path(__file__).resolve().parents[1]
DATABASE = "hub"
# The threads of deploy/gunicorn.conf.py, on two cores.
WORKERS, THREADS = 2, 8
_START_SECONDS = 60
_SETTINGS = {
    "shared_buffers": "2GB",
    "effective_cache_size": "6GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "1GB",
    "max_wal_size": "8GB",
    "random_page_cost": "1.1",
    "fsync": "on",
    "full_page_writes": "on",
}


@contextmanager
def filled_database(
    rows: int, *, with_files: int | None = None, finish: Callable[[Postgres], None] | None = None, finished_by: str = ""
) -> Iterator[Postgres]:
    """A running server whose database ``hub`` is migrated and holds ``rows`` adapters; kept between runs.

    ``with_files`` as in :func:`benchmarks.service_data.filling`. ``finish`` is called once on the filled database;
    ``finished_by`` is the code that it runs, so that what an older one left is not taken for its work.
    """
    code = Path(service_data.__file__).read_bytes()
    shape = repr((sorted(_SETTINGS.items()), with_files, finished_by))
    digest = hashlib.sha256(code + shape.encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"adapter-hub-bench-{rows}-{digest}"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    server = Postgres(folder, settings=_SETTINGS)
    # The data outlive this process, and so must the password that they were made with.
    server.password = hashlib.sha256(digest.encode()).hexdigest()
    server.start()
    try:
        _fill_once(server, folder / "filled", service_data.filling(rows, with_files=with_files), finish)
        yield server
    finally:
        server.stop()


def _fill_once(server: Postgres, ready: Path, filling: str, finish: Callable[[Postgres], None] | None) -> None:
    if not ready.exists():
        server.database(DATABASE)
    start = time.perf_counter()
    manage("migrate", "--verbosity", "0", DATABASE_URL=server.url(DATABASE))
    print(f"migrated in {time.perf_counter() - start:.1f} s", flush=True)
    if not ready.exists():
        start = time.perf_counter()
        server.execute(filling, database=DATABASE)
        if finish:
            finish(server)
        print(f"filled in {time.perf_counter() - start:.0f} s", flush=True)
        server.execute("VACUUM ANALYZE", database=DATABASE)
        ready.touch()


def environment(**extra: str) -> dict[str, str]:
    """The environment of a process of the hub."""
    folder = Path(tempfile.gettempdir()) / "adapter-hub-bench-data"
    known = {"HUB_DATA_DIR": str(folder), "HUB_SECRET_KEY": "only for benchmarks " * 3, "HUB_LOG_LEVEL": "WARNING"}
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "hub.settings", **known, **extra}


def manage(*arguments: str, **extra: str) -> str:
    """Run ``manage.py`` with these arguments."""
    command = [sys.executable, "manage.py", *arguments]
    # A migration over a million rows takes longer than any request may.
    unbounded = environment(**{"HUB_DATABASE_STATEMENT_SECONDS": "0", **extra})
    return subprocess.check_output(command, cwd=REPOSITORY, env=unbounded, text=True)


class Gunicorn:
    """The web process of the hub on a free port of this machine."""

    def __init__(self, folder: Path, *, application: str = "hub.wsgi:application", **extra: str) -> None:
        self.port = free_port()
        self._log = folder / "gunicorn.log"
        options = ["--workers", str(WORKERS), "--threads", str(THREADS), "--worker-class", "gthread"]
        options += ["--bind", f"127.0.0.1:{self.port}", "--keep-alive", "30", "--log-level", "warning"]
        self._command = [sys.executable, "-m", "gunicorn", *options, application]
        self._environment = environment(**extra)

    def __enter__(self) -> "Gunicorn":
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=REPOSITORY, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                with urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5):
                    return self
            except (URLError, OSError) as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise AssertionError(f"gunicorn did not start:\n{self._log.read_text()[-3000:]}") from error
                time.sleep(0.1)

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait(30)

    def cpu_seconds(self) -> float:
        """Processor time of its workers until now."""
        ticks = 0
        for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")
