"""A web process of the hub: gunicorn with threads, as deploy/gunicorn.conf.py says."""

import sys
from collections.abc import Sequence
from pathlib import Path

import httpx

from cluster.ports import free_port
from cluster.process import REPOSITORY, Server


class Web(Server):
    """One gunicorn master with its workers, on a port of its own."""

    stop_seconds = 40.0

    def __init__(self, name: str, folder: Path, *, port: int = 0, processes: int = 1, threads: int = 8) -> None:
        super().__init__(name, folder)
        self.port = port or free_port()
        self.environment = {
            "HUB_DATA_DIR": str(folder / "data"),
            "HUB_WEB_BIND": f"127.0.0.1:{self.port}",
            "HUB_WEB_THREADS": str(threads),
            "WEB_CONCURRENCY": str(processes),
            "PROMETHEUS_MULTIPROC_DIR": str(folder / "figures"),
        }

    @property
    def url(self) -> str:
        """Where it answers by itself, without the proxy."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        """``gunicorn`` with the configuration of the house."""
        return [sys.executable, "-m", "gunicorn", "-c", str(REPOSITORY / "deploy" / "gunicorn.conf.py")]

    def prepare(self) -> None:
        """Make its folders."""
        (self.folder / "figures").mkdir(parents=True, exist_ok=True)

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False
