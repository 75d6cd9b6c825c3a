"""The hub's own processes as the fault tests run them: web processes and workers, each with a name, to be hurt alone."""

import sys
from collections.abc import Sequence
from pathlib import Path

import httpx

from cluster.binaries import find_script
from cluster.ports import free_port
from cluster.process import Server, family

GRACE_SECONDS = 20


class Web(Server):
    """gunicorn with one process of eight threads, as in production."""

    def __init__(self, name: str, folder: Path, environment: dict[str, str]) -> None:
        super().__init__(name, folder)
        self.environment = environment | {"TMPDIR": str(folder)}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        """gunicorn, configured by the command line alone."""
        options = [
            "--bind", f"127.0.0.1:{self.port}", "--workers", "1", "--worker-class", "gthread", "--threads", "8",
            "--graceful-timeout", str(GRACE_SECONDS), "--keep-alive", "75", "--config", "/dev/null",
        ]  # fmt: skip
        return [find_script("gunicorn", requirements="base.txt"), *options, "hub.wsgi:application"]

    def is_ready(self) -> bool:
        """Whether the process answers; the services behind it may be away."""
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def hands(self) -> set[int]:
        """The processes that answer requests: everything but the master."""
        return family(self.pid) - {self.pid}


class Worker(Server):
    """One Celery worker for the queue ``cpu``."""

    def __init__(self, name: str, folder: Path, environment: dict[str, str]) -> None:
        super().__init__(name, folder)
        self.scratch = folder / "scratch"
        self.environment = environment | {"TMPDIR": str(self.scratch)}
        self._log_began = 0

    def command(self) -> Sequence[str]:
        """``celery worker``; the pool is the hub's own choice."""
        options = [
            "--concurrency", "1", "--queues", "cpu,gpu", "--hostname", f"{self.name}@localhost", "--loglevel", "INFO",
        ]  # fmt: skip
        return [sys.executable, "-m", "celery", "--app", "hub", "worker", *options]

    def is_ready(self) -> bool:
        """It says that it takes jobs."""
        return " runs jobs of " in self.log()[self._log_began :]

    def prepare(self) -> None:
        """Make the folder of its temporary files, and remember where this run's log begins."""
        self.scratch.mkdir(exist_ok=True)
        self._log_began = len(self.log())

    def holds(self, claimed_by: str) -> bool:
        """Whether a job's row names this process: workers are called ``host-pid-random``."""
        return claimed_by.split("-")[-2:-1] == [str(self.pid)]

    def children(self) -> set[int]:
        """The processes below the worker that run jobs at this moment: descendants of the forkserver."""
        return {pid for pid in family(self.pid) if "forkserver" in command_of(pid) and parent_of(pid) != self.pid}


def command_of(pid: int) -> str:
    """The command line of a process, or an empty string when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def parent_of(pid: int) -> int:
    """The parent's id; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
