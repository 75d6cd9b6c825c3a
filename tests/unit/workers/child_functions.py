"""What the children of these tests do. Named as ``tests.unit.workers.child_functions:<function>``."""

from __future__ import annotations

import mmap
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Report = Callable[..., None]


class Refused(Exception):
    """An error with a code of its own."""

    code, detail = "base_unreadable", "the config names no architecture"


def add(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    return {"sum": argument["a"] + argument["b"], "pid": os.getpid()}


def count_up(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    for step in range(1, 4):
        report(step / 4, f"step {step}")
    return {}


def refuse(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    raise Refused


def quote_a_row(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    raise ValueError(Path(argument["set"]["files"]["test"]).read_text())


def stumble(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    raise KeyError("base_id")


def allocate(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    return {"bytes": len(bytearray(argument["size_bytes"]))}


def spin(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    while True:
        pass


def sleep(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    report(0.1, str(os.getpid()))
    time.sleep(argument.get("asleep", 30))
    return {"slept": True}


def kill_self(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def leave(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    os._exit(3)


def write_file(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    Path(argument["path"]).write_bytes(b"x" * argument["size_bytes"])
    return {}


def look_around(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    packages = {name.partition(".")[0] for name in sys.modules}
    return {
        "packages": sorted(
            packages & {"django", "celery", "rest_framework", "catalog", "torch", "peft", "transformers"}
        ),
        "offline": os.environ.get("HF_HUB_OFFLINE"),
    }


def inspect_slowly(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    """Inspect the revision after three seconds of saying its process id; the row keeps one report a second."""
    from workers.computing import inspect_revision

    for _ in range(30):
        report(0.1, str(os.getpid()))
        time.sleep(0.1)
    return inspect_revision(argument, report)


def describe_slowly(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    """Describe a base model after six seconds of saying the process id."""
    from workers.computing import describe_base

    for _ in range(60):
        report(0.1, str(os.getpid()))
        threading.Event().wait(0.1)  # time.sleep fails under faketime
    return describe_base(argument, report)


def map_much_and_touch_little(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    """What CUDA does to an address space."""
    region = mmap.mmap(-1, argument["size_bytes"], flags=mmap.MAP_PRIVATE)
    region[0] = 1
    time.sleep(0.5)
    return {"bytes": len(region)}


def hold(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    """Hold memory that is really used, for a while."""
    held = bytearray(b"x") * argument["size_bytes"]
    time.sleep(10)
    return {"bytes": len(held)}


def say_nothing(*said: Any) -> None:
    """A report that nobody hears."""


def inspect_alone(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    """A validation whose fingerprint goes wrong; the child is a process of its own."""
    from workers import computing

    def broken(argument: dict[str, Any], report: Report) -> dict[str, Any]:
        raise ValueError("no sketch today")

    computing.fingerprint = broken
    return computing.inspect_revision(argument, report)
