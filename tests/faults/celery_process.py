"""A real `celery -A hub worker` as its own process group, beside a hub that only serves."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

REPOSITORY = Path(__file__).resolve().parents[2]
_START_SECONDS = 60


class CeleryProcess:
    """Starts with its ``with`` block, and is gone after it."""

    def __init__(
        self, log: Path, environment: Mapping[str, str], *, queues: str = "cpu", application: str = "hub"
    ) -> None:
        self._log = log
        self._environment = {**os.environ, **environment}
        self._command = [sys.executable, "-m", "celery", "-A", application, "worker", "-Q", queues]

    def __enter__(self) -> "CeleryProcess":
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=REPOSITORY, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self._wait()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Of the worker itself; its forkserver and children share its process group."""
        return self._process.pid

    def terminate(self) -> float:
        """SIGTERM to the worker alone, as a service manager sends it; returns the seconds until it was gone."""
        began = time.monotonic()
        self._process.terminate()
        assert self._process.wait(30) == 0, self.log()[-4000:]
        return time.monotonic() - began

    def kill(self) -> None:
        """SIGKILL to it and all its children, as a power cut would."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait(10)

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while f"-{self.pid}-" not in self.log():
            assert self._process.poll() is None, self.log()[-4000:]
            assert time.monotonic() < deadline, self.log()[-4000:]
            time.sleep(0.1)

    def log(self) -> str:
        """Everything it has logged."""
        return self._log.read_text(errors="replace")
