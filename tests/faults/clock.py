"""Processes whose clocks are wrong."""

import os
from pathlib import Path

import pytest

from cluster.process import Server

# libfaketime 0.9.10 hands the kernel a negative time where Python 3.11 sleeps; waiting for nothing sleeps as well.
SLEEP = "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], seconds) and None\n"


def set_clock(server: Server, offset: str, **settings: str) -> None:
    """Start a process again under libfaketime; timers, waits and files keep their own time."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    fake = {
        "LD_PRELOAD": str(library),
        "FAKETIME": offset,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
        "HUB_CLOCK_SKEW_SECONDS": "300",
        **settings,
    }
    sleep = server.folder / "clock"
    sleep.mkdir(exist_ok=True)
    (sleep / "sitecustomize.py").write_text(SLEEP)
    server.stop()
    paths = [
        path for path in server.environment.get("PYTHONPATH", "").split(os.pathsep) if path not in ("", str(sleep))
    ]
    server.environment = {name: value for name, value in server.environment.items() if name not in fake}
    server.environment |= fake if offset else {}
    server.environment["PYTHONPATH"] = os.pathsep.join([str(sleep), *paths] if offset else paths)
    server.start()


def need_faketime() -> None:
    """Skip where it is not installed."""
    if not list(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")):
        pytest.skip("needs libfaketime: install faketime")
